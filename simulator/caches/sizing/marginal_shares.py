"""A budget that goes where it brings most: divided anew as traffic changes.

What each cache would hit at every size is read from its `HitCurve`, and of all divisions of the budget into steps the
one whose hits are worth most is taken, by dynamic programming, as LAMA does among the slab classes of Memcached (Hu et
al., "LAMA: optimized locality-aware memory allocation for key-value cache", USENIX ATC 2015). Where the curves are
concave that equalises the marginal gains: the next step brings no cache more than the last one brings another. Over a
cliff, as of a loop, no such rule leads, and the hull that other systems follow is not reached by a plain LRU cache
(Beckmann and Sanchez, "Talus: a simple way to remove cliffs in cache performance", HPCA 2015); a search among all
divisions needs neither. What keeps the division still is `margin`: one that promises hardly more is not made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from annotated_types import Ge, Interval

from . import SizingError, split
from .hit_curve import STEPS, HitCurve


def marginal_shares(
    capacity: int,
    parts: int,
    weights: Sequence[np.ndarray] | None = None,
    *,
    margin: Annotated[float, Interval(ge=0, le=1)] = 0.01,
    period: Annotated[int, Ge(1)] = 1000,
    half_life: Annotated[float, Interval(gt=0)] = 5.0,
    followed: Annotated[int, Ge(16)] = 4096,
    output_weight: Annotated[float, Interval(ge=0)] = 1.0,
) -> MarginalShares:
    """Every `period` requests: the division with the most hits of what was seen, by their worth, if it has the share
    `margin` more than the present one. Equal at the start; no cache ever has less than a 256th of the budget.

    `followed` pages of each cache are followed for its curve, and what is `half_life` periods old counts half. Where
    memory is divided among caches of answers and pages, a token of an answer is worth `output_weight`, one of a prompt
    1: set it to what the one costs beside the other. Raises SizingError where the budget or the number of caches does
    not suit steps of a 256th.
    """
    if not (parts <= STEPS <= capacity):
        what = f"{parts} parts of a budget of {capacity}"
        raise SizingError(f"sizing 'marginal-shares': {what}; use at most {STEPS}, and as much capacity or more")
    return MarginalShares(capacity, parts, weights, margin, period, half_life, followed, output_weight)


class MarginalShares:
    """The division, and a curve for each cache."""

    def __init__(
        self,
        capacity: int,
        parts: int,
        weights: Sequence[np.ndarray] | None,
        margin: float,
        period: int,
        half_life: float,
        followed: int,
        output_weight: float,
    ) -> None:
        self.period, self.output_weight = period, output_weight
        self.capacities = split(capacity, [1.0] * parts)
        self.hit_ratios = [0.0] * parts
        self._capacity, self._margin, self._keep = capacity, margin, 0.5 ** (1 / half_life)
        self._curves = [HitCurve(capacity, followed, weights[i] if weights else None) for i in range(parts)]
        self._worth = np.zeros(parts)  # of all accesses seen, as they have aged

    def observe(self, part: int, pages: np.ndarray, worth: float) -> None:
        self._curves[part].observe(pages)
        self._worth[part] += worth

    def decide(self) -> list[int]:
        ratios = np.array([curve.hit_ratios for curve in self._curves])
        steps = divide(ratios * self._worth[:, None])
        best = ratios[np.arange(len(steps)), steps] @ self._worth
        if best > (1 + self._margin) * (self._expected(ratios) @ self._worth):
            own = steps * self._capacity // STEPS  # rounded down: pages are whole, as is what a cliff needs of them
            own[own.argmax()] += self._capacity - own.sum()
            self.capacities = own.tolist()
        self.hit_ratios = self._expected(ratios)
        for curve in self._curves:
            curve.age(self._keep)
        self._worth *= self._keep
        return self.capacities

    def _expected(self, ratios: np.ndarray) -> list[float]:
        """What each cache hits with its present capacity, by its curve in `ratios` (parts, STEPS + 1)."""
        parts = zip(self.capacities, self._curves, ratios, strict=True)
        return [float(np.interp(own, curve.sizes, row)) for own, curve, row in parts]


def divide(gains: np.ndarray) -> np.ndarray:
    """Of all divisions of S steps among n parts, at least one each, that with the greatest sum of gains: (n,) int64.

    `gains` (n, S + 1) float64: what each part gains from 0, 1, ... S steps. Raises ValueError where n is above S.
    """
    parts, steps = len(gains), gains.shape[1] - 1
    if parts > steps:
        raise ValueError(f"{parts} parts of {steps} steps; use as many steps as parts, or more")
    beyond = np.full(steps, -np.inf)
    best = np.append(0.0, beyond)  # by steps given to the parts so far
    taken = np.empty((parts, steps + 1), np.int64)
    for part in range(parts):
        # Row: steps given so far; column: steps of this part, at least one.
        total = (
            np.lib.stride_tricks.sliding_window_view(np.concatenate([beyond, best]), steps + 1)[:, ::-1] + gains[part]
        )
        taken[part] = 1 + total[:, 1:].argmax(axis=1)
        best = total[:, 1:].max(axis=1)
    own = np.empty(parts, np.int64)
    left = steps
    for part in reversed(range(parts)):
        own[part] = taken[part, left]
        left -= own[part]
    return own
