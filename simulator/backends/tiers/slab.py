"""A tier on disk: one file of equal places, each a record of header and encoded page, that survives a crash.

A place is overwritten as it is, in one call, without a log: the header's checksum covers the key and the page, so a
record that was cut off, by kill -9 or a power failure, is found out when it is read, and the page is not there. Other
places are not touched by it. Opening a slab reads the headers only. A record whose page had left the tier may be found
again: it is what its key says. That damage stays unseen has a chance of 2^-32 (CRC-32).

The file begins with a block that says what it is a slab of; every record begins at a multiple of 4096 bytes.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kvreplay.files import write_whole

from ..layout import PageLayout
from .tier import MOST_KEY_BYTES, Tier, TierError

_BLOCK = 4096
_MAGIC = b"kvreplay slab 1\n"
# Of a record: magic, bytes of the key, key, bytes of the row that follow, CRC-32 of all these (with 0 here) and them.
_HEADER = struct.Struct(f"<4sB{MOST_KEY_BYTES}sQI")
_RECORD = b"page"


class SlabTier(Tier):
    """`capacity` pages in the file `path`, which is made, or opened with what it holds.

    Raises TierError where the file is not a slab of these pages, or is in use by another store; OSError where there is
    no room for it.
    """

    def __init__(
        self, name: str, layout: PageLayout, capacity: int, path: Path, *, policy: Any = "lru", codec: str = "none"
    ) -> None:
        super().__init__(name, layout, capacity, policy=policy, codec=codec)
        self._stride = -(-(_HEADER.size + self.codec.row_bytes) // _BLOCK) * _BLOCK
        described = {
            "shape": layout.shape,
            "dtype": str(layout.dtype).removeprefix("torch."),
            "codec": codec,
            "capacity": capacity,
        }
        front = (_MAGIC + json.dumps(described).encode()).ljust(_BLOCK)
        if not path.exists():
            write_whole(path, front)
        self._file = os.open(path, os.O_RDWR)
        try:
            self._lock(path)
            if os.pread(self._file, _BLOCK, 0) != front:
                raise TierError(f"{path}: is no slab of {json.dumps(described)}; name another file, or delete it")
            os.posix_fallocate(self._file, 0, _BLOCK + capacity * self._stride)
            self._find_pages(capacity)
        except BaseException:
            os.close(self._file)
            raise
        self._row = torch.empty((1, self.codec.row_bytes), dtype=torch.uint8, pin_memory=torch.cuda.is_available())
        self._bytes = self._row.numpy().data.cast("B", (self.codec.row_bytes,))  # the same memory

    def close(self) -> None:
        os.close(self._file)

    def _lock(self, path: Path) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TierError(f"{path}: is in use by another store; name another file, or end that") from None

    def _find_pages(self, capacity: int) -> None:
        found = set()
        for place in range(capacity):
            magic, length, key, *_ = _HEADER.unpack(os.pread(self._file, _HEADER.size, self._offset(place)))
            key = key[:length]
            if magic == _RECORD and key and key not in self:
                entry = self._entries.insert(key, None)
                if entry is not None:
                    entry.value = place
                    found.add(place)
        self._places = [place for place in self._places if place not in found]

    def write(self, place: int, key: bytes, row: Tensor) -> None:
        (length,) = self.codec.lengths(row[None])
        self._row.copy_(row)
        content = self._bytes[:length]
        header = _HEADER.pack(_RECORD, len(key), key, length, _checksum(key, content))
        written = os.pwritev(self._file, [header, content], self._offset(place))
        self.stats.bytes_written += written
        if written < len(header) + length:
            raise OSError(f"slab: only {written} bytes of a record could be written")

    def read(self, place: int, key: bytes, out: Tensor) -> bool:
        header = bytearray(_HEADER.size)
        try:
            self.stats.bytes_read += os.preadv(self._file, [header, self._bytes], self._offset(place))
        except OSError:  # the disk cannot read it
            return False
        magic, key_length, stored_key, length, checksum = _HEADER.unpack(header)
        if magic != _RECORD or stored_key[:key_length] != key or not 0 < length <= len(self._bytes):
            return False
        if _checksum(key, self._bytes[:length]) != checksum:
            return False
        self.codec.decode(self._row.to(out.device), out=out[None])
        return True

    def _offset(self, place: int) -> int:
        return _BLOCK + place * self._stride


def _checksum(key: bytes, content: memoryview) -> int:
    return zlib.crc32(content, zlib.crc32(_HEADER.pack(_RECORD, len(key), key, len(content), 0)))
