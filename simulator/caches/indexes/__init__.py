"""Nearest neighbours by cosine: one file per index, found by name.

An index holds vectors under the slots 0 .. capacity - 1 of the cache that owns it: one slot names a cache entry's
key, vector and payload, so that nothing of an evicted entry can be found.
"""

from __future__ import annotations

import importlib.util
from typing import Any, Protocol

import numpy as np

from ..errors import CacheError
from ..specs import Known, make


class VectorIndex(Protocol):
    """What every index offers. Vectors are (dimensions,) float32 of length 1; any other raises CacheError."""

    name: str  # with the parameters that are not the defaults, as `get` reads it

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

    @property
    def shape(self) -> tuple[int, int]:
        """Slots and dimensions."""
        ...

    def __len__(self) -> int:
        """Vectors held."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes of memory that vectors and links take, free slots included."""
        ...


_KNOWN = {
    "flat": Known(f"{__name__}.flat", "Flat"),
    "hnsw": Known(f"{__name__}.hnsw", "Hnsw"),
    "hnsw-10": Known(f"{__name__}.hnsw", "Hnsw", {"M": 10}),
}
_FLAT_UP_TO = 3_000  # vectors: about where the flat index stops being the faster one


def names() -> list[str]:
    """The indexes there are, installed or not, and `auto`: whichever of them suits the capacity."""
    return ["auto", *_KNOWN]


def get(spec: str, dimensions: int, capacity: int, **params: Any) -> VectorIndex:
    """An empty index for `capacity` vectors of `dimensions`, by name with parameters (``hnsw:M=10``) or keywords.

    `auto` is hnsw for more than 3,000 vectors if hnswlib is installed, and else flat; the index's own name tells.
    Raises CacheError for an unknown name, what is not installed and impossible sizes; ParameterError for wrong
    parameters.
    """
    if dimensions < 1 or capacity < 1:
        raise CacheError(f"index {spec}: {capacity} vectors of {dimensions} dimensions make no sense; give 1 or more")
    if spec == "auto":
        installed = importlib.util.find_spec("hnswlib") is not None
        spec = "hnsw" if installed and capacity > _FLAT_UP_TO else "flat"
    return make("index", spec, _KNOWN, params, dimensions, capacity)
