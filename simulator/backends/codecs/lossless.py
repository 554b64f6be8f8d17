"""Lossless codecs: a page's own bytes, compressed, for the tier on disk.

A row is its length in 8 bytes, little-endian, and so many bytes of compressed page; the rest of it is undefined. Where
compression does not help, the page stands there as it is.
"""

from __future__ import annotations

import struct
from abc import abstractmethod

import numpy as np
import torch
from torch import Tensor

from .base import CodecError, KVCodec

_HEADER = struct.Struct("<Q")


class Lossless(KVCodec):
    """Rows of different lengths. Works on the CPU, whatever the device. Stores every bit pattern."""

    lossless = True

    @property
    def row_bytes(self) -> int:
        return _HEADER.size + self.layout.nbytes

    def lengths(self, rows: Tensor) -> list[int]:
        heads = rows[:, : _HEADER.size].cpu().contiguous().numpy()
        return [_HEADER.size + self._length(head.tobytes()) for head in heads]

    @abstractmethod
    def _compress(self, page: np.ndarray) -> bytes:
        """Compressed bytes of `page`, (nbytes,) uint8."""

    @abstractmethod
    def _decompress(self, compressed: bytes) -> bytes:
        """What was compressed. May raise anything where it was not."""

    def _encode(self, pages: Tensor, rows: Tensor) -> None:
        for page, row in zip(pages.view(len(pages), -1).view(torch.uint8), rows, strict=True):
            raw = page.cpu().numpy()
            compressed = self._compress(raw)
            if len(compressed) >= self.layout.nbytes:
                compressed = raw.tobytes()
            stored = np.frombuffer(bytearray(_HEADER.pack(len(compressed)) + compressed), np.uint8)
            row[: len(stored)].copy_(torch.from_numpy(stored))

    def _decode(self, rows: Tensor, pages: Tensor) -> None:
        for row, page in zip(rows, pages.view(len(pages), -1).view(torch.uint8), strict=True):
            length = self._length(row[: _HEADER.size].cpu().numpy().tobytes())
            raw = row[_HEADER.size : _HEADER.size + length].cpu().numpy()
            if length < self.layout.nbytes:
                raw = self._whole_page(raw.tobytes())
            page.copy_(torch.from_numpy(raw))

    def _whole_page(self, compressed: bytes) -> np.ndarray:
        try:
            page = self._decompress(compressed)
        except Exception as error:  # each library has its own
            raise CodecError(f"{self.name}: a row is damaged ({error}); drop it") from error
        if len(page) != self.layout.nbytes:
            raise CodecError(f"{self.name}: a row holds {len(page)} bytes, a page has {self.layout.nbytes}; drop it")
        return np.frombuffer(bytearray(page), np.uint8)

    def _length(self, head: bytes) -> int:
        (length,) = _HEADER.unpack(head)
        if length > self.layout.nbytes:
            raise CodecError(f"{self.name}: a row says it is {length} bytes long; drop it: it is damaged")
        return length
