"""Keys, one a line or in libCacheSim's binary records, plain and compressed."""

import gzip
import struct

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from kvreplay.traces import Batch, TraceError, load
from kvreplay.traces.formats import find
from kvreplay.traces.formats.source import Source

RECORD = struct.Struct("<IQIq")  # time, id, size, next access: packed
ORACLE = b"".join(RECORD.pack(*row) for row in [(7, 2**64 - 1, 10, 2), (7, 5, 20, -1), (9, 2**64 - 1, 11, 2**63 - 1)])


def write(path, content):
    path.write_bytes(content)
    return path


def pack(path, content):
    if path.suffix == ".gz":
        return write(path, gzip.compress(content))
    if path.suffix == ".zst":
        return write(path, zstandard.compress(content))
    return write(path, content)


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_keys(tmp_path, suffix):
    trace = load(pack(tmp_path / f"k.txt{suffix}", "a\nb\r\na\n\u00fc b\nb".encode()))
    assert trace.pages.tolist() == [0, 1, 0, 2, 1]
    assert trace.page_offsets is None
    assert trace.meta["format"] == "keys"
    assert trace.name == "k"


@given(lines=st.lists(st.text(st.characters(exclude_characters="\r\n\0", codec="utf-8"), min_size=1), min_size=1))
def test_equal_lines_are_equal_keys(tmp_path_factory, lines):
    path = write(tmp_path_factory.getbasetemp() / "k.txt", "\n".join(lines).encode())
    batches: list[Batch] = []
    find("keys").read(Source(path), batches.append)
    found = np.concatenate([batch.keys for batch in batches]).tolist()
    assert [found.index(key) for key in found] == [lines.index(line) for line in lines]


def test_lines_are_cut_nowhere_but_at_their_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("kvreplay.traces.formats.source._BLOCK", 5)
    path = write(tmp_path / "k.txt", b"abc\ndefghijklm\r\nn\no")
    assert list(Source(path).blocks()) == [(1, b"abc\n"), (2, b"defghijklm\nn\n"), (4, b"o\n")]
    assert load(path).n_requests == 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a\n\nb\n", r"k.txt:2: holds no key; delete the line"),
        (b"a\nb\n\r\n", r"k.txt:3: holds no key"),
        (b"a\nb\0\n", r"k.txt:2: is binary data, not text; name its format"),
        (b"", r"k.txt: holds no requests"),
    ],
)
def test_bad_keys_are_named(tmp_path, content, message):
    with pytest.raises(TraceError, match=message):
        load(write(tmp_path / "k.txt", content), "keys")


@pytest.mark.parametrize("name", ["x.oracleGeneral", "x.oracleGeneral.bin", "x.oracleGeneral.zst", "x.bin", "x.gz"])
def test_oracle_general(tmp_path, name):
    trace = load(pack(tmp_path / name, ORACLE))
    assert trace.pages.tolist() == [0, 1, 0]
    assert trace.arrival.tolist() == [0, 0, 2]
    assert trace.page_bytes.tolist() == [11, 20]
    assert trace.access_bytes.tolist() == [10, 20, 11]
    assert trace.meta["start"] == 7
    (note,) = trace.meta["notes"]
    assert note.startswith("1 accesses give an object another size than its first")
    assert trace.name == "x"


def test_oracle_general_across_reads(tmp_path, monkeypatch):
    monkeypatch.setattr("kvreplay.traces.formats.oracle_general._ROWS", 2)
    assert load(write(tmp_path / "x.bin", ORACLE)).pages.tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (ORACLE[:-1], "23 bytes behind 2 requests of 24 bytes; the file is truncated, or of another format"),
        (ORACLE + RECORD.pack(8, 1, 1, -1), "row 4: time 8 comes after 9; sort the file by time"),
        (b"", "is empty"),
        (b"not binary", "10 bytes behind 0 requests"),
    ],
)
def test_bad_binary_is_named(tmp_path, content, message):
    with pytest.raises(TraceError, match=message):
        load(write(tmp_path / "x.oracleGeneral.bin", content))


def test_object_sizes_of_four_gigabytes_are_kept(tmp_path):
    path = write(tmp_path / "x.oracleGeneral.bin", RECORD.pack(0, 1, 2**32 - 1, -1))
    assert load(path).page_bytes.tolist() == [2**32 - 1]
