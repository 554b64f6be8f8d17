"""Confidence intervals of a difference between two replays of the same requests.

The replays are deterministic, so on *this* trace a difference is exact. What an interval tells is how far it depends on
which stretch of such traffic, or which seed, was looked at. It supposes that the trace is a fair sample of the
traffic: it says nothing about other traffic, or about traffic that drifts away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from kvreplay.simulator.student_t import student_t

BLOCKS = 20


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
