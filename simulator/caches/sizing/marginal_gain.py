"""As much memory as earns its keep: grow while the next page brings a hit often enough, and no further.

What a larger or smaller cache would hit is read from `HitCurve`. A page is worth its place that brings one hit in every
`break_even` page accesses: the interval of Gray and Putzolu ("The 5 minute rule for trading memory for disc accesses",
SIGMOD 1987), counted in accesses. Of all sizes the one with the most hits beyond that price is taken. It lies on the
concave hull of the curve, so that a cliff, as of a loop, is climbed whole or not at all. What keeps it still is
`margin`: a change that promises less is not made.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Interval

from .hit_curve import HitCurve


def marginal_gain(
    capacity: int,
    weights: np.ndarray | None = None,
    *,
    break_even: Annotated[int, Ge(1)] = 10_000,
    margin: Annotated[float, Interval(ge=0, le=1)] = 0.01,
    period: Annotated[int, Ge(1)] = 1000,
    half_life: Annotated[float, Interval(gt=0)] = 5.0,
    followed: Annotated[int, Ge(16)] = 4096,
    smallest: Annotated[float, Interval(gt=0, le=1)] = 0.1,
    largest: Annotated[float, Ge(1)] = 10.0,
) -> MarginalGain:
    """Every `period` requests: the capacity between `smallest` and `largest` times the one at the start that has the
    highest page hit ratio less 1 / `break_even` a page, if the gain is above the share `margin` of what the present one
    hits and costs.

    Where `weights` (n_pages,) are the bytes of the pages, a page in that price is one of mean size. `followed` pages
    are followed for the curve, and what is `half_life` periods old counts half.
    """
    return MarginalGain(capacity, weights, break_even, margin, period, half_life, followed, smallest, largest)


class MarginalGain:
    """The curve, and the price of memory."""

    def __init__(
        self,
        capacity: int,
        weights: np.ndarray | None,
        break_even: int,
        margin: float,
        period: int,
        half_life: float,
        followed: int,
        smallest: float,
        largest: float,
    ) -> None:
        self.period = period
        self.curve = HitCurve(max(round(largest * capacity), 1), followed, weights)
        self._margin = margin
        self._keep = 0.5 ** (1 / half_life)
        page = 1.0 if weights is None or not weights.any() else float(weights.mean())
        self._price = 1 / (break_even * page)  # in hits per access, of a unit of capacity
        self._smallest = max(round(smallest * capacity), 1)

    def observe(self, pages: np.ndarray, hit: np.ndarray) -> None:
        self.curve.observe(pages)

    def decide(self, capacity: int) -> int:
        ratios, sizes = self.curve.hit_ratios, self.curve.sizes
        self.curve.age(self._keep)
        worth = ratios - self._price * sizes
        best = int(np.argmax(np.where(sizes >= self._smallest, worth, -np.inf)))
        hits, price = float(np.interp(capacity, sizes, ratios)), self._price * capacity
        gain = worth[best] - (hits - price)
        return round(sizes[best]) if gain > self._margin * (hits + price) else capacity
