"""Bounds on the offline optimum among objects of different sizes, where the optimum itself is NP-hard to find.

To hit at its next use, an object must stay in the cache from one use to the next: it takes its size, for that long. So
the optimum is a choice of such stays of which no more than the capacity overlap at any time. Both bounds choose by what
a stay costs (bytes x accesses) for what it gains, after PFOO: Berger, Beckmann and Harchol-Balter, "Practical bounds on
optimal caching with variable object sizes", SIGMETRICS 2018. The paper bounds misses: its L is our upper bound.

- Upper (PFOO-L): the capacity need hold on average only. All stays together then take no more than capacity x time, and
  most is gained from the cheapest ones: a fractional knapsack.
- Lower: the cheapest stays first, each where it fits at all times; a cache may do just that. PFOO-U gets closer, by a
  min-cost flow over thousands of stays at once; this takes O(n log n) and O(n) memory.
"""

from __future__ import annotations

import numpy as np

from kvreplay.jit import jit
from kvreplay.traces.trace import Trace

from .future import future_of


def pfoo(trace: Trace, capacity: int, *, in_bytes: bool) -> tuple[int, int]:
    """Hits, or bytes hit, that some cache of `capacity` bytes reaches, and that none passes; it may keep objects out.

    `trace` must have page_bytes. Larger objects than the cache never hit.
    """
    assert trace.page_bytes is not None
    next_use, size = future_of(trace).next_use, trace.page_bytes[trace.pages]
    start = np.flatnonzero((next_use < len(next_use)) & (size <= capacity))
    size, length = size[start], next_use[start] - start
    cost = length.astype(np.float64) * size
    gain = size if in_bytes else np.ones_like(size)
    order = np.argsort(length if in_bytes else cost, kind="stable")  # by cost / gain
    time = max(len(next_use) - 1, 1)  # steps from an access to the next
    fits = np.zeros(len(order), np.bool_)
    tree = np.zeros((2, 2 << (time - 1).bit_length()), np.int64)
    _take_what_fits(order, start, length, size, capacity, *tree, fits)
    return int(gain[fits].sum()), _knapsack(cost[order], gain[order], float(capacity) * time)


def _knapsack(cost: np.ndarray, gain: np.ndarray, budget: float) -> int:
    """The most to gain within `budget` from what stands in rising order of cost / gain, the last of it in part."""
    spent = np.cumsum(cost)
    budget *= 1 + 2 * len(cost) * np.finfo(np.float64).eps  # for what rounding added to the sum
    whole = int(np.searchsorted(spent, budget, side="right"))
    gained = int(gain[:whole].sum())
    if whole < len(cost):
        left = budget - (spent[whole - 1] if whole else 0.0)
        gained += int(gain[whole] * left / cost[whole])
    return gained


@jit
def _take_what_fits(order, start, length, size, capacity, most, added, fits):
    """Set `fits` for each stay taken. `most` and `added` are a segment tree over time of the bytes taken."""
    for stay in order:
        first, last = start[stay], start[stay] + length[stay]
        _add(most, added, first, last, size[stay])
        # Nowhere was the capacity passed before: where it is now, it is within this stay.
        if most[1] <= capacity:
            fits[stay] = True
        else:
            _add(most, added, first, last, -size[stay])


@jit
def _add(most, added, first, last, amount):
    """Add `amount` to the times first .. last - 1: node i has the children 2 i and 2 i + 1, the root is 1.

    `most` is the maximum below each node; `added` what was added to all below it at once.
    """
    low, high = first + len(most) // 2, last + len(most) // 2
    left, right = low >> 1, (high - 1) >> 1
    while low < high:
        if low & 1:
            most[low] += amount
            added[low] += amount
            low += 1
        if high & 1:
            high -= 1
            most[high] += amount
            added[high] += amount
        low >>= 1
        high >>= 1
    for above in (left, right):
        while above >= 1:
            most[above] = max(most[2 * above], most[2 * above + 1]) + added[above]
            above >>= 1
