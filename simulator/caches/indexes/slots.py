"""Which slots of an index hold a vector, and what every index refuses; not the vectors."""

from __future__ import annotations

import numpy as np

from ..errors import CacheError

_TOLERANCE = 1e-3  # of a squared length that should be 1


class Slots:
    """The slots 0 .. capacity - 1 of the index called `index`. What raises CacheError changes nothing."""

    def __init__(self, index: str, dimensions: int, capacity: int) -> None:
        self._index = index
        self._dimensions = dimensions
        self.held = np.zeros(capacity, bool)
        self.count = 0

    @property
    def shape(self) -> tuple[int, int]:
        """Slots and dimensions."""
        return len(self.held), self._dimensions

    def add(self, slot: int) -> None:
        """`slot` comes to hold a vector, or another one. Raises CacheError where there is no such slot."""
        self._check(slot)
        self.count += not self.held[slot]
        self.held[slot] = True

    def remove(self, slot: int) -> None:
        """`slot` no longer holds a vector. Raises CacheError where it did not."""
        self._check(slot)
        if not self.held[slot]:
            raise CacheError(f"index {self._index}: slot {slot} holds nothing; remove each entry once")
        self.count -= 1
        self.held[slot] = False

    def resize(self, capacity: int) -> None:
        """Slots up to `capacity`. Raises CacheError where one beyond it is held."""
        if capacity < 1:
            raise CacheError(f"index {self._index}: a capacity of {capacity} makes no sense; give 1 or more")
        if self.held[capacity:].any():
            slot = capacity + int(np.argmax(self.held[capacity:]))
            raise CacheError(f"index {self._index}: slot {slot} is held; remove it before the index shrinks below it")
        self.held = np.concatenate([self.held[:capacity], np.zeros(max(capacity - len(self.held), 0), bool)])

    def clamp(self, k: int) -> int:
        """How many of the `k` nearest there can be. Raises CacheError unless `k` is 1 or more."""
        if k < 1:
            raise CacheError(f"index {self._index}: k is {k}; ask for 1 or more neighbours")
        return min(k, self.count)

    def checked(self, vector: np.ndarray) -> np.ndarray:
        """`vector`. Raises CacheError unless it is (dimensions,) float32 of length 1."""
        if vector.shape != (self._dimensions,) or vector.dtype != np.float32:
            given = f"{vector.dtype} of shape {vector.shape}"
            raise CacheError(f"index {self._index}: {given}; vectors are float32 of shape ({self._dimensions},)")
        square = float(vector @ vector)
        if not abs(square - 1) < _TOLERANCE:  # also NaN
            raise CacheError(
                f"index {self._index}: a vector whose squared length is {square:.3g}; divide it by its length"
            )
        return vector

    def _check(self, slot: int) -> None:
        if not 0 <= slot < len(self.held):
            raise CacheError(f"index {self._index}: there is no slot {slot}; slots are 0 to {len(self.held) - 1}")
