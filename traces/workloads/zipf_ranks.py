"""Zipf ranks by number: the i-th is a function of i, so that any part of a long sequence is made without the rest."""

from __future__ import annotations

import numpy as np

from kvreplay.jit import jit

_SINGLE = 64  # ranks that are groups of their own
_WIDTH = 64  # later groups are as wide as their first rank divided by this
_BELOW_ONE = 1 - 2.0**-40  # so that no rounding leads out of a group

_AT_ONCE = 1 << 16  # ranks drawn by one call, whose numbers fit uint16
_GAMMA = 0x9E3779B97F4A7C15  # SplitMix64's, with the multipliers in `_mix`


class ZipfRanks:
    """Ranks 0 .. n - 1, of which k is drawn in proportion to (k + 1)**-skew.

    Ranks are put into groups, few enough for the processor's nearest caches. An alias table (Walker, "An efficient
    method for generating discrete random variables", ACM TOMS 3(3), 1977) draws a group as if all of its ranks were as
    frequent as its first, and rejection makes up for that: with skew 1 it looks closely at one rank in a hundred, and
    draws one in two hundred anew. The random numbers are SplitMix64's (Steele, Lea and Flood, "Fast splittable
    pseudorandom number generators", OOPSLA 2014), the i-th of which needs no other.
    """

    def __init__(self, n: int, skew: float, seed: int) -> None:
        first = _first_ranks(n)
        size = np.diff(first, append=n + 1)
        threshold, alias = _alias_table(size * first**-skew)
        # Half a column of the table: the rank is offset + slope * (where in the column). Columns' own groups, then
        # their aliases.
        group = np.stack([np.arange(len(first)), alias], 1).ravel()
        low = np.stack([np.zeros(len(first)), threshold], 1).ravel()
        high = np.stack([threshold, np.ones(len(first))], 1).ravel()
        slope = size[group] * _BELOW_ONE / np.where(high > low, high - low, 1)
        certain = (first / (first + size - 1)) ** skew  # how far the rarest of the group is below the first
        offset = first[group] - 1 - slope * low
        self._halves = np.stack([offset, slope, certain[group], first[group]], 1)  # (2 groups, 4) float64
        self._threshold, self._skew = threshold, float(skew)
        self._start = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])

    def read(self, start: int, stop: int) -> np.ndarray:
        """The ranks of the numbers start .. stop - 1, (stop - start,) uint32."""
        ranks = np.empty(stop - start, np.uint32)
        for first in range(0, len(ranks), _AT_ONCE):
            state = (self._start + (start + first) * _GAMMA) % 2**64
            _draw(np.uint64(state), self._threshold, self._halves, self._skew, ranks[first : first + _AT_ONCE])
        return ranks


def _first_ranks(n: int) -> np.ndarray:
    """The first rank of each group, from 1, (groups,) float64."""
    first = [1]
    while first[-1] <= n:
        last = first[-1]
        first.append(last + max(1, last // _WIDTH if last >= _SINGLE else 1))
    return np.array(first[:-1], np.float64)


def _alias_table(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each column, up to where it stands for itself, (n,) float64, and for what else behind, (n,) int64.

    Filled in linear time as by Vose, "A linear algorithm for generating random numbers with a given distribution", IEEE
    TSE 17(9), 1991.
    """
    left = weights / weights.sum() * len(weights)
    threshold, alias = np.ones(len(weights)), np.arange(len(weights))
    small, large = list(np.flatnonzero(left < 1)), list(np.flatnonzero(left >= 1))
    while small and large:
        column, other = small.pop(), large[-1]
        threshold[column], alias[column] = left[column], other
        left[other] -= 1 - left[column]
        if left[other] < 1:
            small.append(large.pop())
    return threshold, alias


@jit
def _mix(z):
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@jit
def _place(z, threshold, halves):
    """Where the random number `z` leads: half a column, and rank and remainder in one number."""
    at = np.float64(np.int64(z >> np.uint64(11))) * (2.0**-53 * len(threshold))
    column = np.uint32(np.int32(at))  # unsigned: a signed index is tested for being negative
    within = at - column
    half = np.uint32(2) * column + np.uint32(within >= threshold[column])
    return half, halves[half, 0] + halves[half, 1] * within


@jit
def _draw(state, threshold, halves, skew, ranks):
    doubtful = np.empty(len(ranks), np.uint16)
    n_doubtful = np.uint32(0)
    # No branch in this loop: it would be foretold wrongly at random.
    z = state
    for i in range(len(ranks)):
        half, place = _place(_mix(z), threshold, halves)
        rank = np.uint32(np.int64(place))
        ranks[i] = rank
        doubtful[n_doubtful] = i
        n_doubtful += np.uint32(place - rank >= halves[half, 2])
        z += np.uint64(_GAMMA)
    for i in doubtful[:n_doubtful]:
        z = _mix(state + np.uint64(i) * np.uint64(_GAMMA))
        half, place = _place(z, threshold, halves)
        while place - np.floor(place) >= (halves[half, 3] / (np.floor(place) + 1)) ** skew:
            z = _mix(z + np.uint64(_GAMMA))
            half, place = _place(z, threshold, halves)
        ranks[i] = np.uint32(np.int64(place))
