"""Confidence intervals of a difference between two replays of the same requests.

The replays are deterministic, so on *this* trace a difference is exact. What an interval tells is how far it depends on
which stretch of such traffic, or which seed, was looked at. It supposes that the trace is a fair sample of the
traffic: it says nothing about other traffic, or about traffic that drifts away.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np

LEVEL = 0.95
BLOCKS = 20


@functools.cache
def student_t(freedom: int, level: float = LEVEL) -> float:
    """The t for which Student's distribution with `freedom` degrees lies within -t .. t with probability `level`."""
    low, high = 0.0, 1.0
    while _within(high, freedom) < level:
        high *= 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < level else (low, middle)
    return high


def _within(t: float, freedom: int) -> float:
    """P(-t < T < t), Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    odd = freedom % 2
    term, total = math.cos(angle) if odd else 1.0, 0.0
    for k in range(2 + odd, freedom + 1, 2):
        total += term
        term *= math.cos(angle) ** 2 * (k - 1) / k
    total *= math.sin(angle)
    return 2 / math.pi * (angle + total) if odd else total


def over_blocks(pages: np.ndarray, gained: np.ndarray, blocks: int = BLOCKS) -> float | None:
    """Half the width of the interval of sum(gained) / sum(pages), from the series over time of one paired difference.

    `pages` (W,) and `gained` (W,): page accesses, and hits of one replay less those of the other, per window. The
    windows are joined to `blocks` batches (non-overlapping batch means; 10 to 30 batches do: Schmeiser, "Batch size
    effects in the analysis of simulation output", Operations Research 30(3), 1982), and since batches differ in
    pages, the variance is that of a ratio estimator (Cochran, Sampling Techniques, 3rd edition 1977, section 6.4).
    None with fewer than two windows that hold pages.
    """
    parts = min(blocks, len(pages))
    if parts < 2:
        return None
    starts = np.arange(parts) * len(pages) // parts
    sizes, gains = np.add.reduceat(pages, starts), np.add.reduceat(gained, starts)
    if np.count_nonzero(sizes) < 2:
        return None
    residuals = gains - gains.sum() / sizes.sum() * sizes
    variance = parts / (parts - 1) * float(residuals @ residuals) / float(sizes.sum()) ** 2
    return student_t(parts - 1) * math.sqrt(variance)


def over_seeds(differences: Sequence[float]) -> float | None:
    """Half the width of Student's interval of the mean difference over seeds; None with fewer than two."""
    if len(differences) < 2:
        return None
    return student_t(len(differences) - 1) * float(np.std(differences, ddof=1)) / math.sqrt(len(differences))
