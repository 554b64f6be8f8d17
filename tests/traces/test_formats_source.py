"""Opening trace files: compression, damage, bombs, lines beyond measure."""

import gzip
import zlib

import pytest
import zstandard

from kvreplay.traces import TraceError, formats, load
from kvreplay.traces.formats import source
from kvreplay.traces.formats.source import Source

TEXT = b"".join(b"line %d\n" % i for i in range(20_000))


def write(path, content):
    path.write_bytes(content)
    return path


def zstd_frames(*parts):
    return b"".join(zstandard.compress(part) for part in parts)


@pytest.mark.parametrize(
    "content",
    [
        TEXT,
        gzip.compress(TEXT),
        gzip.compress(TEXT[:5000]) + gzip.compress(TEXT[5000:]),
        zstd_frames(TEXT),
        zstd_frames(TEXT[:5000], b"", TEXT[5000:]),
        zstandard.ZstdCompressor(write_content_size=False).compress(TEXT),
    ],
)
def test_content_is_the_same_however_it_is_packed(tmp_path, content):
    # The name says nothing: what counts is the content.
    file = Source(write(tmp_path / "x", content))
    with file.open() as stream:
        assert stream.read() == TEXT
    assert file.head() == TEXT[: source.HEAD]
    assert [line for line, _ in file.lines()] == list(range(1, 20_001))


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:1000], lambda data: data[:5]])
def test_truncated_data_is_noticed(tmp_path, pack, damage):
    path = write(tmp_path / "x.txt", damage(pack(TEXT)))
    with pytest.raises(TraceError, match=r"x.txt: damaged or truncated compressed data \(.+\); fetch or write"):
        load(path)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.ZstdCompressor(write_checksum=True).compress])
def test_damaged_data_is_noticed(tmp_path, pack):
    data = bytearray(pack(TEXT))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(TraceError, match=r"x.txt: damaged or truncated compressed data"):
        load(write(tmp_path / "x.txt", bytes(data)))


def test_bytes_behind_the_compressed_data_are_noticed(tmp_path):
    for pack in (gzip.compress, zstandard.compress):
        with pytest.raises(TraceError, match="damaged or truncated"):
            load(write(tmp_path / "x.txt", pack(TEXT) + b"more"))


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_bomb_is_refused(tmp_path, monkeypatch, pack):
    monkeypatch.setattr(source, "_RATIO_FREE", 1 << 20)
    path = write(tmp_path / "x.txt", pack(b"key\n" * (1 << 22)))
    with pytest.raises(TraceError, match=r"expands to more than \d+ MiB, 400 times its size"):
        load(path)
    assert not list((tmp_path / ".kvreplay").glob(".partial*"))


def test_a_piece_of_a_bomb_expands_to_no_more_than_is_said(tmp_path):
    packed = zstandard.ZstdCompressor(level=19).compress(bytes(1 << 28))
    piece = zstandard.ZstdDecompressor().decompressobj().decompress(packed[: source._PIECE])
    assert len(piece) <= 64 << 20


@pytest.mark.parametrize("format", ["keys", "mooncake", "columns"])
def test_an_endless_line_is_refused(tmp_path, monkeypatch, format):
    monkeypatch.setattr(source, "MAX_LINE", 1 << 20)
    path = write(tmp_path / "x.gz", gzip.compress((b"\n" if format == "mooncake" else b"a\n") + b"{" * (1 << 23)))
    options = {"key": 1} if format == "columns" else {}
    with pytest.raises(TraceError, match=r"x.gz:2: the line is longer than 1 MiB"):
        list(formats.find(format).read(Source(path), lambda batch: None, **options))


def test_text_that_is_not_utf8_is_named_by_its_line(tmp_path):
    with pytest.raises(TraceError, match=r"x:2: is not UTF-8 text; name its format if it is a binary trace"):
        list(Source(write(tmp_path / "x", b"ok\n\xff\xfe\n")).lines())


def test_a_stream_says_when_the_file_is_closed(tmp_path):
    with Source(write(tmp_path / "x", gzip.compress(TEXT))).open() as stream:
        assert stream.readline() == b"line 0\n"
    assert stream.closed


def test_zlib_without_a_gzip_header_is_not_text(tmp_path):
    with pytest.raises(TraceError):
        load(write(tmp_path / "x.txt", zlib.compress(TEXT)))
