"""Blosc2 with byte shuffle and Zstandard at level 1: lossless.

Shuffling puts the first bytes of all elements together, then the second ones: exponents compress, mantissas do not.
"""

from __future__ import annotations

import numpy as np

from ..layout import PageLayout
from .lossless import Lossless


class Codec(Lossless):
    """Needs the package blosc2."""

    def __init__(self, layout: PageLayout) -> None:
        import blosc2

        super().__init__(layout)
        self._blosc2 = blosc2

    def _compress(self, page: np.ndarray) -> bytes:
        return self._blosc2.compress2(
            page,
            typesize=self.layout.dtype.itemsize,
            clevel=1,
            codec=self._blosc2.Codec.ZSTD,
            filters=[self._blosc2.Filter.SHUFFLE],
            nthreads=1,
        )

    def _decompress(self, compressed: bytes) -> bytes:
        return self._blosc2.decompress2(compressed, nthreads=1)
