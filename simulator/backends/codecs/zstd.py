"""Zstandard at level 1 (RFC 8878): lossless."""

from __future__ import annotations

import numpy as np

from ..layout import PageLayout
from .lossless import Lossless


class Codec(Lossless):
    """Needs the package zstandard."""

    def __init__(self, layout: PageLayout) -> None:
        import zstandard

        super().__init__(layout)
        self._compressor = zstandard.ZstdCompressor(level=1)
        self._decompressor = zstandard.ZstdDecompressor()

    def _compress(self, page: np.ndarray) -> bytes:
        return self._compressor.compress(page.data)

    def _decompress(self, compressed: bytes) -> bytes:
        return self._decompressor.decompress(compressed, max_output_size=self.layout.nbytes)
