"""Every vector against every query: exact, and the fastest for up to some thousand entries."""

from __future__ import annotations

import numpy as np

from .slots import Slots


class Flat:
    """The exact index. Equal cosines come in the order of their slots."""

    name = "flat"

    def __init__(self, dimensions: int, capacity: int) -> None:
        self._slots = Slots(self.name, dimensions, capacity)
        self._rows = np.zeros((capacity, dimensions), np.float32)
        self._bias = np.full(capacity, -np.inf, np.float32)  # added to cosines: rules out what is not held
        self._used = 0  # no slot from here on has ever been held

    def put(self, slot: int, vector: np.ndarray) -> None:
        self._slots.checked(vector)
        self._slots.add(slot)
        self._rows[slot] = vector
        self._bias[slot] = 0
        self._used = max(self._used, slot + 1)

    def remove(self, slot: int) -> None:
        self._slots.remove(slot)
        self._bias[slot] = -np.inf

    def search(self, vector: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        k = self._slots.clamp(k)
        # A product a row: unlike those of a matrix product, the sums do not hang on the other rows, nor on threads.
        cosines = np.vecdot(self._rows[: self._used], self._slots.checked(vector))
        cosines += self._bias[: self._used]
        if k == 1:  # the common case, without the sort
            best = np.argmax(cosines)
            return np.array([best]), cosines[best : best + 1]
        if k == 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        least = np.partition(cosines, -k)[-k]
        candidates = np.flatnonzero(cosines >= least)
        slots = candidates[np.argsort(-cosines[candidates], kind="stable")[:k]]
        return slots, cosines[slots]

    def resize(self, capacity: int) -> None:
        self._slots.resize(capacity)
        more = max(capacity - len(self._rows), 0)
        self._rows = np.concatenate([self._rows[:capacity], np.zeros((more, self._rows.shape[1]), np.float32)])
        self._bias = np.concatenate([self._bias[:capacity], np.full(more, -np.inf, np.float32)])
        self._used = min(self._used, capacity)

    @property
    def shape(self) -> tuple[int, int]:
        return self._slots.shape

    def __len__(self) -> int:
        return self._slots.count

    @property
    def nbytes(self) -> int:
        return self._rows.nbytes + self._bias.nbytes
