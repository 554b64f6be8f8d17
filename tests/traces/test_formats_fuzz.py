"""Whatever a file holds, a reader makes a Trace of it or raises a TraceError of one line that names the file."""

import gzip
import json
import os

import polars as pl
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvreplay.traces import Trace, TraceBuilder, TraceError, formats
from kvreplay.traces.formats.source import Source

from .test_formats_csv import AZURE_2023, AZURE_2024, BURST_3, COLUMNS
from .test_formats_keys import ORACLE
from .test_formats_questions import A_LINE_EACH, DOCUMENT, DUPLICATES, LABELLED, OBJECTS
from .test_formats_table import full, write_table

MOONCAKE = b"".join(
    b'{"timestamp": %d, "input_length": 1025, "output_length": 7, "hash_ids": [3, 9, 4], "session": "a"}\n' % time
    for time in (1, 2, 30)
)
BAILIAN = b'{"chat_id": 1, "parent_chat_id": -1, ' + MOONCAKE.replace(b"1025", b"48")[1:]
PROMPTS = b"".join(
    json.dumps({"prompt": "a b c", "timestamp": 1.5, "output_tokens": 3, "session": 1, "intent": "x"}).encode() + end
    for end in (b"\n", b"\r\n", b"")
)
CHATS = b'{"messages": [{"role": "user", "content": "hi"}]}\n' * 2


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """A table of each kind, as bytes."""
    folder = tmp_path_factory.mktemp("tables")
    write_table(full(), folder / "t.parquet")
    write_table(full(), folder / "t.arrow")
    return [(folder / name).read_bytes() for name in ("t.parquet", "t.arrow")]


VALID = [
    ("mooncake", MOONCAKE, {}),
    ("bailian", BAILIAN, {}),
    ("prompts", PROMPTS, {}),
    ("prompts", CHATS, {"tokenizer": "bytes"}),
    ("azure", AZURE_2023.encode(), {}),
    ("azure", AZURE_2024.encode(), {}),
    ("burstgpt", BURST_3.encode(), {}),
    *(("questions", text.encode(), {}) for text in (LABELLED, DUPLICATES, DOCUMENT, OBJECTS, A_LINE_EACH)),
    ("columns", COLUMNS.encode(), {"key": "url", "time": "when", "size": "bytes", "session": "who"}),
    ("keys", b"a\nb\na\n", {}),
    ("oracleGeneral", ORACLE, {}),
]


def read(path, format, options):
    """The trace in `path`; None where it is refused as it should be."""
    builder = TraceBuilder()
    try:
        facts = formats.find(format).read(Source(path), builder.add, **options)
    except TraceError as error:
        return check_refusal(error, path)
    return builder.finish("t", page_tokens=facts.page_tokens, meta=facts.meta) if builder.n_requests else None


def check_refusal(error, path):
    assert str(error).startswith(str(path))
    assert "\n" not in str(error)


@st.composite
def mutated(draw, valid):
    """`valid` with some bytes overwritten, inserted, removed, or repeated."""
    data = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        width = draw(st.integers(0, 12))
        special = [b"\0", b'"', b",", b"\n", b"-", b"1e999", b"NaN", b"9" * 30, b"{", b"[[", b"\xff", b"\\ud800", b""]
        data[at : at + width] = draw(st.sampled_from(special) | st.binary(max_size=12))
    return bytes(data)


quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize(("format", "valid", "options"), VALID)
def test_the_valid_file_is_read_and_told_from_its_content(tmp_path, format, valid, options):
    path = tmp_path / "x"
    path.write_bytes(valid)
    trace = read(path, format, options)
    assert isinstance(trace, Trace)
    assert trace.n_requests >= 2
    assert formats.sniff(Source(path).head(), "x") == format


@pytest.mark.parametrize(("format", "valid", "options"), VALID)
@quick
@given(data=st.data())
def test_mutated_files(tmp_path, format, valid, options, data):
    content = data.draw(mutated(valid))
    (tmp_path / "x").write_bytes(content)
    read(tmp_path / "x", format, options)
    formats.sniff(content, "x")


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@quick
@given(data=st.data())
def test_mutated_compressed_files(tmp_path, pack, data):
    (tmp_path / "x").write_bytes(data.draw(mutated(pack(MOONCAKE))))
    read(tmp_path / "x", "mooncake", {})


@pytest.mark.parametrize("format", formats.names())
@quick
@given(content=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_arbitrary_bytes(tmp_path, format, content):
    (tmp_path / "x").write_bytes(content)
    read(tmp_path / "x", format, {"key": 1} if format == "columns" else {})
    formats.sniff(content, "x")


@pytest.mark.parametrize("kind", [0, 1], ids=["parquet", "arrow"])
@settings(quick, max_examples=5)  # each takes a process
@given(data=st.data())
def test_mutated_tables(tmp_path, tables, kind, data):
    content = bytearray(tables[kind])
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(8, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "x").write_bytes(content)
    read(tmp_path / "x", "table", {})


def test_a_table_whose_lists_are_nested_is_refused(tmp_path):
    pl.DataFrame({"keys": [[[1]]]}).write_parquet(tmp_path / "x")
    assert read(tmp_path / "x", "table", {}) is None


def test_a_pipe_is_not_waited_for(tmp_path):
    from kvreplay.traces import load

    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TraceError, match="is no regular file"):
        load(tmp_path / "pipe")
