"""Many values in a few numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Distribution:
    """Many values in six numbers. A quantile is the smallest value that the given share does not exceed."""

    mean: float
    min: float
    p50: float
    p90: float
    p99: float
    max: float

    @staticmethod
    def of(values: np.ndarray | None) -> Distribution | None:
        """None where there are no values."""
        if values is None or len(values) == 0:
            return None
        quantiles = np.quantile(values, [0, 0.5, 0.9, 0.99, 1], method="inverted_cdf")
        return Distribution(float(np.mean(values, dtype=np.float64)), *map(float, quantiles))

    @staticmethod
    def of_counts(counts: np.ndarray) -> Distribution | None:
        """The same, of the values 0, 1, 2, ... of which there are `counts`."""
        below = np.cumsum(counts)
        if len(below) == 0 or below[-1] == 0:
            return None
        ranks = np.maximum(np.ceil(np.array([0, 0.5, 0.9, 0.99, 1]) * below[-1]), 1)
        mean = float(np.arange(len(counts)) @ counts / below[-1])
        return Distribution(mean, *map(float, np.searchsorted(below, ranks)))
