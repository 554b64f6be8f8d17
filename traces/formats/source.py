"""A trace file as a stream of bytes or lines: plain, gzip or Zstandard, told from its first bytes.

Memory stays bounded whatever the file holds: input is decompressed a piece at a time, a line has a greatest
length, and a file that expands beyond all measure is refused.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

import zstandard

from ..errors import TraceError

HEAD = 1 << 16  # bytes that a format is told from
MAX_LINE = 1 << 26  # bytes
_BLOCK = 1 << 22  # bytes of text
_BUFFER = 1 << 20
_PIECE = 1 << 11  # a compressed piece of this size expands to 64 MiB at the very most
_MAX_WINDOW = 1 << 27  # bytes; what the zstd tool accepts without --long

# Real traces reach 130 : 1. Beyond 1 GiB, more than three times that is taken for a decompression bomb.
_MAX_RATIO = 400
_RATIO_FREE = 1 << 30

_NAME_FORMAT = "name its format if it is a binary trace"

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"


class Source:
    """One trace file. Every error it raises is a TraceError that names the file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def error(self, what: str, *, line: int | None = None, row: int | None = None, mend: str = "") -> TraceError:
        """The error to raise for `what`, at a line of text or at a row (from 1) of binary data."""
        return TraceError(what if row is None else f"row {row}: {what}", file=self.path, line=line, mend=mend)

    def open(self) -> io.BufferedReader:
        """The decompressed content."""
        try:
            file = self.path.open("rb")
            magic = file.read(4)
            file.seek(0)
        except OSError as error:
            raise self.error(f"cannot be read ({error.strerror})") from error
        if magic.startswith(_GZIP):
            return io.BufferedReader(_Expanding(self, file, gzip.GzipFile(fileobj=file)), _BUFFER)
        if magic == _ZSTD:
            return io.BufferedReader(_Expanding(self, file, _ZstdFrames(file)), _BUFFER)
        return file

    def head(self) -> bytes:
        """The first HEAD bytes."""
        with self.open() as stream:
            return stream.read(HEAD)

    def blocks(self) -> Iterator[tuple[int, bytes]]:
        """The file's text, some megabytes of whole lines at a time, each with the number of its first line.

        Every line ends with a newline character alone. Raises TraceError for a null byte and for an endless line.
        """
        line = 1
        with self.open() as stream:
            begun = b""  # a line whose end is still to come
            while chunk := stream.read(_BLOCK):
                whole, newline, begun = (begun + chunk).rpartition(b"\n")
                if newline:
                    block = (whole + newline).replace(b"\r\n", b"\n")
                    self._check_text(line, block)
                    yield line, block
                    line += block.count(b"\n")
                if len(begun) > MAX_LINE:
                    what = f"the line is longer than {MAX_LINE >> 20} MiB"
                    raise self.error(what, line=line, mend="check the format")
            if begun:
                self._check_text(line, begun)
                yield line, begun.removesuffix(b"\r") + b"\n"

    def texts(self) -> Iterator[tuple[int, str]]:
        """The same, decoded. Raises TraceError for what is not UTF-8."""
        for line, block in self.blocks():
            try:
                text = block.decode()
            except UnicodeDecodeError as error:
                bad = line + block.count(b"\n", 0, error.start)
                raise self.error("is not UTF-8 text", line=bad, mend=_NAME_FORMAT) from error
            yield line, text.removeprefix("\ufeff") if line == 1 else text

    def lines(self) -> Iterator[tuple[int, str]]:
        """Line numbers from 1, and lines without their ends."""
        for first, text in self.texts():
            yield from enumerate(text.split("\n")[:-1], first)

    def _check_text(self, line: int, block: bytes) -> None:
        null = block.find(b"\0")
        if null >= 0:
            bad = line + block.count(b"\n", 0, null)
            raise self.error("is binary data, not text", line=bad, mend=_NAME_FORMAT)


class _Reads(Protocol):
    def read(self, size: int, /) -> bytes: ...


class _Expanding(io.RawIOBase):
    """A decompressed stream whose failures name the file, and which stops at a bomb."""

    def __init__(self, source: Source, file: BinaryIO, content: _Reads) -> None:
        self._source = source
        self._file = file
        self._content = content
        self._total = 0
        self._limit = max(_RATIO_FREE, _MAX_RATIO * source.path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self._content.read(len(buffer))
        except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
            reason = " ".join(str(error).split()) or "ends too early"
            mend = "fetch or write the file again"
            raise self._source.error(f"damaged or truncated compressed data ({reason})", mend=mend) from error
        self._total += len(data)
        if self._total > self._limit:
            what = f"expands to more than {self._limit >> 20} MiB, {_MAX_RATIO} times its size or more"
            raise self._source.error(what, mend="decompress it yourself if you trust it")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


class _ZstdFrames:
    """Zstandard frames in a row. Unlike `zstandard`'s own readers, this one notices an end within a frame."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._rest = b""  # input behind the frame that ended
        self._ready = memoryview(b"")

    def read(self, size: int) -> bytes:
        while not self._ready:
            data = self._rest or self._file.read(_PIECE)
            if not data and self._frame is not None:
                raise EOFError("ends within a frame")
            if not data:
                return b""
            if self._frame is None:
                self._frame = self._decompressor.decompressobj()
            self._ready = memoryview(self._frame.decompress(data))
            self._rest = b""
            if self._frame.eof:
                self._rest, self._frame = self._frame.unused_data, None
        taken, self._ready = self._ready[:size], self._ready[size:]
        return bytes(taken)
