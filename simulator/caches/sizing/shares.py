"""A budget divided once and for all: what every other division has to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from annotated_types import Gt

from . import SizingError, split


def shares(
    capacity: int,
    parts: int,
    weights: Sequence[np.ndarray] | None = None,
    *,
    shares: list[Annotated[float, Gt(0)]] | None = None,
) -> Shares:
    """Each cache its share of the budget, in proportion to `shares`; by default all the same.

    Raises SizingError where there are not as many shares as caches, or more caches than the budget has room for.
    """
    if shares is not None and len(shares) != parts:
        raise SizingError(f"sizing 'shares': {len(shares)} shares for {parts} parts; give one each")
    return Shares(split(capacity, [1.0] * parts if shares is None else shares))


class Shares:
    """The division."""

    period = 1 << 40  # requests: never over
    output_weight = 1.0  # which makes no difference

    def __init__(self, capacities: list[int]) -> None:
        self.capacities = capacities
        self.hit_ratios = [0.0] * len(capacities)

    def observe(self, part: int, pages: np.ndarray, worth: float) -> None:
        pass

    def decide(self) -> list[int]:
        return self.capacities
