"""The simple rule: grow while too little hits, shrink while more hits than is needed.

We know of no paper to name for it. It asks for a hit ratio, and not what a larger cache would bring: on traffic that
cannot reach `low` it grows to its bound for nothing. What keeps it still is the band between `low` and `high`: it
settles where one step does not carry the hit ratio from one side of the band to the other.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Interval

from . import SizingError


def hit_ratio(
    capacity: int,
    weights: np.ndarray | None = None,
    *,
    low: Annotated[float, Interval(ge=0, le=1)] = 0.5,
    high: Annotated[float, Interval(ge=0, le=1)] = 0.8,
    step: Annotated[float, Interval(gt=0, lt=1)] = 0.1,
    period: Annotated[int, Ge(1)] = 1000,
    smallest: Annotated[float, Interval(gt=0, le=1)] = 0.1,
    largest: Annotated[float, Ge(1)] = 10.0,
) -> HitRatio:
    """Every `period` requests: a hit ratio below `low` adds the share `step` to the capacity, one above `high` takes
    as much from it. It stays between `smallest` and `largest` times the capacity at the start.

    Raises SizingError where `low` is above `high`.
    """
    if low > high:
        raise SizingError(f"sizing 'hit-ratio': low {low} is above high {high}; swap them")
    return HitRatio(low, high, step, period, max(round(smallest * capacity), 1), round(largest * capacity))


class HitRatio:
    """The rule, and what it has seen since its last decision."""

    def __init__(self, low: float, high: float, step: float, period: int, smallest: int, largest: int) -> None:
        self.period = period
        self._low, self._high, self._step = low, high, step
        self._smallest, self._largest = smallest, largest
        self._accesses = self._hits = 0

    def observe(self, pages: np.ndarray, hit: np.ndarray) -> None:
        self._accesses += len(hit)
        self._hits += int(np.count_nonzero(hit))

    def decide(self, capacity: int) -> int:
        ratio = self._hits / self._accesses if self._accesses else None
        self._accesses = self._hits = 0
        by = max(round(self._step * capacity), 1)
        if ratio is None or self._low <= ratio <= self._high:
            return capacity
        wanted = capacity + by if ratio < self._low else capacity - by
        return min(max(wanted, self._smallest), self._largest)
