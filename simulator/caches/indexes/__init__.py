"""Nearest neighbours by cosine: one file per index, found by name.

An index holds vectors under the slots 0 .. capacity - 1 of the cache that owns it: one slot names a cache entry's
key, vector and payload, so that nothing of an evicted entry can be found.
"""

from __future__ import annotations

import importlib
from typing import Any, Protocol

import numpy as np

from kvreplay import parameters

from ..errors import CacheError


class VectorIndex(Protocol):
    """What every index offers. Vectors are (dimensions,) float32 of length 1; any other raises CacheError."""

    name: str  # as `get` knows it

    def put(self, slot: int, vector: np.ndarray) -> None:
        """Hold `vector` under `slot`, in place of what was there."""
        ...

    def remove(self, slot: int) -> None:
        """Forget `slot`, which must be held."""
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

    @property
    def nbytes(self) -> int:
        """Bytes of memory that vectors and links take, free slots included."""
        ...


# name -> (module in this folder, class); the class is called with dimensions, capacity and its parameters.
_CLASSES = {"flat": ("flat", "Flat")}


def names() -> list[str]:
    """The indexes there are."""
    return list(_CLASSES)


def get(name: str, dimensions: int, capacity: int, **params: Any) -> VectorIndex:
    """An empty index of the kind `name`, for `capacity` vectors of `dimensions`.

    Raises CacheError for an unknown name, what is not installed and impossible sizes; ParameterError for wrong
    parameters.
    """
    if name not in _CLASSES:
        raise CacheError(f"unknown index {name!r}, {parameters.nearest(name, names())}")
    if dimensions < 1 or capacity < 1:
        raise CacheError(f"index {name}: {capacity} vectors of {dimensions} dimensions make no sense; give 1 or more")
    module, kind = _CLASSES[name]
    index = getattr(importlib.import_module(f".{module}", __package__), kind)
    return index(dimensions, capacity, **parameters.check(index.__init__, f"index {name!r}", params))
