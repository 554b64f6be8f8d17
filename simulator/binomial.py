"""Exact confidence limits of a share, after Clopper and Pearson ("The use of confidence or fiducial limits illustrated
in the case of the binomial", Biometrika 26(4), 1934)."""

from __future__ import annotations

import functools
import math

import numpy as np


def tail(successes: int, trials: int, share: float) -> float:
    """The probability of so many `successes` or more where each of the `trials` succeeds with probability `share`."""
    if successes <= 0 or share >= 1:
        return 1.0
    if share <= 0:
        return 0.0
    k = np.arange(successes, trials + 1)
    factorial = _log_factorials(trials)
    ways = factorial[trials] - factorial[k] - factorial[trials - k]
    return min(float(np.exp(ways + k * math.log(share) + (trials - k) * math.log1p(-share)).sum()), 1.0)


def lower_limit(successes: int, trials: int, confidence: float = 0.95) -> float:
    """The share that the true one is above with this `confidence`, one-sided; 0 without trials."""
    low, high = 0.0, successes / trials if trials else 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if tail(successes, trials, middle) < 1 - confidence else (low, middle)
    return low


@functools.lru_cache(maxsize=8)
def _log_factorials(n: int) -> np.ndarray:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])
