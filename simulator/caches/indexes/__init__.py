"""Nearest neighbours by cosine: one file per index, found by name.

An index holds vectors under the slots 0 .. capacity - 1 of the cache that owns it: one slot names a cache entry's
key, vector and payload, so that nothing of an evicted entry can be found.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np


class VectorIndex(Protocol):
    """What every index offers. Vectors are (dimensions,) float32 of length 1."""

    def put(self, slot: int, vector: np.ndarray) -> None:
        """Hold `vector` under `slot`, in place of what was there."""
        ...

    def remove(self, slot: int) -> None:
        """Forget `slot`."""
        ...

    def search(self, vector: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The slots (m,) int64 and cosines (m,) float32 of the m = min(k, held) nearest, best first."""
        ...

    def resize(self, capacity: int) -> None:
        """Take slots up to `capacity`; those beyond it must have been removed."""
        ...

    def __len__(self) -> int:
        """Vectors held."""
        ...
