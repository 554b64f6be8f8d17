"""A budget that goes where it brings most: divided anew as traffic changes.

What each cache would hit at every size is read from its `HitCurve`, and of all divisions of the budget into steps the
one with the most hits is taken, by dynamic programming, as LAMA does among the slab classes of Memcached (Hu et al.,
"LAMA: optimized locality-aware memory allocation for key-value cache", USENIX ATC 2015). Where the curves are concave
that equalises the marginal gains: the next step brings no cache more than the last one brings another. Over a cliff, as
of a loop, no such rule leads, and the hull that other systems follow is not reached by a plain LRU cache (Beckmann and
Sanchez, "Talus: a simple way to remove cliffs in cache performance", HPCA 2015); a search among all divisions needs
neither. What keeps the division still is `margin`: one that promises hardly more hits is not made.
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
) -> MarginalShares:
    """Every `period` requests: the division with the most hits of what was seen, if it has the share `margin` more than
    the present one. Equal at the start; no cache ever has less than a 256th of the budget.

    `followed` pages of each cache are followed for its curve, and what is `half_life` periods old counts half. Raises
    SizingError where the budget or the number of caches does not suit steps of a 256th.
    """
    if not (parts <= STEPS <= capacity):
        what = f"{parts} tenants of a budget of {capacity}"
        raise SizingError(f"sizing 'marginal-shares': {what}; use at most {STEPS}, and as much capacity or more")
    return MarginalShares(capacity, parts, weights, margin, period, half_life, followed)


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
    ) -> None:
        self.period = period
        self.capacities = split(capacity, [1.0] * parts)
        self._capacity, self._margin, self._keep = capacity, margin, 0.5 ** (1 / half_life)
        self._curves = [HitCurve(capacity, followed, weights[i] if weights else None) for i in range(parts)]

    def observe(self, part: int, pages: np.ndarray, hit: np.ndarray) -> None:
        self._curves[part].observe(pages)

    def decide(self) -> list[int]:
        hits = np.array([curve.hits for curve in self._curves])
        steps = divide(hits)
        present = sum(
            np.interp(own, curve.sizes, row)
            for own, curve, row in zip(self.capacities, self._curves, hits, strict=True)
        )
        for curve in self._curves:
            curve.age(self._keep)
        if hits[np.arange(len(steps)), steps].sum() > (1 + self._margin) * present:
            own = steps * self._capacity // STEPS  # rounded down: pages are whole, as is what a cliff needs of them
            own[own.argmax()] += self._capacity - own.sum()
            self.capacities = own.tolist()
        return self.capacities


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
