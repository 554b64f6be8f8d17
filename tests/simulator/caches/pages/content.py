"""Content of a pool in a NumPy array, and models of what the pool does: slow, obvious."""

from __future__ import annotations

import numpy as np


class ArrayContent:
    """One row of `values` per page. Hashes collide often: they keep only what `hash_bits` leave."""

    def __init__(self, pages: int, width: int = 2, hash_bits: int = 64) -> None:
        self.values = np.zeros((pages, width), np.int64)
        self.mask = np.uint64((1 << hash_bits) - 1)

    def copy_pages(self, src: np.ndarray, dst: np.ndarray) -> None:
        assert not np.isin(src, dst).any()
        self.values[dst] = self.values[src]

    def hash_pages(self, pages: np.ndarray) -> np.ndarray:
        weights = np.array([1, 1_000_003][: self.values.shape[1]])
        return (self.values[pages] @ weights).astype(np.uint64) & self.mask

    def equal_pages(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (self.values[a] == self.values[b]).all(axis=1)
