"""Which of many items a request asks for: Zipf popularity, and its drift over time."""

from __future__ import annotations

import numpy as np

from kvreplay.jit import jit


class Popularity:
    """Zipf popularity of `n` items: the item of rank k = 1, 2, ... is asked for in proportion to k**-skew.

    Sampling inverts the distribution function from a guide table (Chen and Asau, "On generating random
    variates from an empirical distribution", AIIE Transactions 6(2), 1974): constant expected time.
    """

    def __init__(self, n: int, skew: float) -> None:
        weights = np.arange(1, n + 1, dtype=np.float64) ** -skew
        self._cdf = np.cumsum(weights, out=weights)  # (n,) float64
        self._cdf /= self._cdf[-1]
        # A power of two, so that u * size is exact and the guide never starts behind the answer.
        size = 1 << (n - 1).bit_length()
        self._guide = np.searchsorted(self._cdf, np.arange(size) / size, side="right").astype(np.uint32)

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Ranks from 0, (count,) uint32."""
        ranks = np.empty(count, np.uint32)
        _invert(rng.random(count), self._cdf, self._guide, ranks)
        return ranks


def drifted(ranks: np.ndarray, n: int, first: int, total: int, drift: float) -> np.ndarray:
    """Items of `ranks` when popularity drifts: ever and again the coldest item becomes the hottest.

    `ranks` belong to the requests `first`, `first` + 1, ... of `total`. Each step moves the coldest of the
    `n` items to the top and every other one rank down; over the trace there are `drift` * n steps.
    """
    if drift == 0:
        return ranks
    steps = (np.arange(first, first + len(ranks)) * (drift * n / total)).astype(np.int64)
    return ((ranks.astype(np.int64) - steps) % n).astype(np.uint32)


@jit
def _invert(uniforms, cdf, guide, ranks):
    for i in range(len(uniforms)):
        u = uniforms[i]
        rank = guide[int(u * len(guide))]
        while cdf[rank] <= u:
            rank += np.uint32(1)
        ranks[i] = rank
