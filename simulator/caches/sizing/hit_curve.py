"""What an LRU cache would hit at every size, kept while another runs, from a sample of its pages.

A fixed share of the pages is followed, chosen by a hash, with every access to them. Two accesses to one of them need a
cache as large as what was followed in between, divided by that share (SHARDS: Waldspurger, Park, Garthwaite and Ahmad,
"Efficient MRC construction with SHARDS", FAST 2015). The share follows from the largest size that is asked for: pages
that no such cache would still hold are forgotten, so the sample never grows. Old accesses count less and less.
"""

from __future__ import annotations

import numpy as np

from kvreplay.jit import jit
from kvreplay.policies.structures.mixing import mix

STEPS = 256  # the sizes that are told apart
_SALT = 0x53697A65
_ROOM = 1 << 12  # accesses followed between two compactions, and more where more pages are held


class HitCurve:
    """Hits per access of LRU caches of a STEPS-th of `largest`, two of them, ... , in pages or the unit of `weights`.

    About `followed` pages are followed. `weights` (n_pages,) int64 is what each page takes of a cache; None: 1 each.
    """

    def __init__(self, largest: int, followed: int, weights: np.ndarray | None = None) -> None:
        mean = 1.0 if weights is None or not weights.any() else float(weights.mean())
        self.sizes = largest * np.arange(STEPS + 1) / STEPS  # (STEPS + 1,) float64: from 0 to `largest`
        self.rate = min(followed * mean / largest, 1.0)
        self._weights = weights
        self._accesses = self._followed = 0.0
        self._counts = np.zeros(STEPS + 1)  # followed accesses by the step from which on they hit
        # A mark stands at the time of each followed page's last access.
        self._last = np.empty(0, np.int64)  # page -> time of its mark; -1: none
        self._page_at = np.full(_ROOM, -1, np.int64)  # time -> page whose mark stands there; -1: none
        self._tree = np.zeros(_ROOM + 1, np.int64)  # Fenwick tree: weights of the marks by time
        self._time = 0

    def observe(self, pages: np.ndarray) -> None:
        """Look at the next accesses, (n,) uint32."""
        self._accesses += len(pages)
        pages = pages[mix(pages, _SALT) < np.uint64(self.rate * 2**32)]
        self._followed += len(pages)
        if len(pages) and pages.max() >= len(self._last):
            more = 2 * int(pages.max()) + 1 - len(self._last)
            self._last = np.concatenate([self._last, np.full(more, -1)])
        while len(pages):
            if self._time == len(self._page_at):
                self._forget()
            some, pages = np.split(pages, [len(self._page_at) - self._time])
            _follow(some, self._weights_of(some), self._time, self._last, self._page_at, self._tree, self._counts,
                    self.sizes[1], self.rate)  # fmt: skip
            self._time += len(some)

    def age(self, keep: float) -> None:
        """What was seen so far counts `keep` as much from now on."""
        self._accesses *= keep
        self._followed *= keep
        self._counts *= keep

    @property
    def hit_ratios(self) -> np.ndarray:
        """(STEPS + 1,) float64, page hit ratios in caches of `sizes`, never falling; 0 before any access."""
        expected = self.rate * self._accesses
        if expected == 0:
            return np.zeros(STEPS + 1)
        counts = self._counts.copy()
        # By luck there are more or fewer accesses in the sample than its share. Hot pages make the difference, which
        # hit in the smallest cache (SHARDS-adj, section 3.4 there).
        counts[1] += expected - self._followed
        return np.maximum.accumulate(np.clip(np.cumsum(counts) / expected, 0, 1))

    def _weights_of(self, pages: np.ndarray) -> np.ndarray:
        return np.ones(len(pages), np.int64) if self._weights is None else self._weights[pages]

    def _forget(self) -> None:
        """Move the marks to times 0, 1, 2, ... in their order, but for those that no cache asked for would hold."""
        pages = self._page_at[self._page_at >= 0]
        weights = self._weights_of(pages)
        needed = np.cumsum(weights[::-1])[::-1] / self.rate
        self._last[pages] = -1
        held = needed <= self.sizes[-1]
        pages, weights = pages[held], weights[held]
        self._time = len(pages)
        self._last[pages] = np.arange(len(pages))
        self._page_at = np.full(2 * len(pages) + _ROOM, -1)
        self._page_at[: len(pages)] = pages
        sums = np.zeros(len(self._page_at) + 1, np.int64)
        sums[1 : len(pages) + 1] = weights
        sums = np.cumsum(sums)
        at = np.arange(len(sums))
        self._tree = sums - sums[at - (at & -at)]


@jit
def _follow(pages, weights, time, last, page_at, tree, counts, step, rate):
    for i in range(len(pages)):
        page, weight = pages[i], weights[i]
        before = last[page]
        if before >= 0:
            since = _sum(tree, time) - _sum(tree, before + 1)
            # Down to the last bit where every page is followed.
            needed = np.ceil((since / rate + weight) / step - 1e-9)
            if needed < len(counts):
                counts[max(int(needed), 1)] += 1
            page_at[before] = -1
            _add(tree, before, -weight)
        page_at[time] = page
        last[page] = time
        _add(tree, time, weight)
        time += 1


@jit
def _sum(tree, stop):
    """The weights of the marks at times 0 .. stop - 1."""
    total = 0
    while stop > 0:
        total += tree[stop]
        stop &= stop - 1
    return total


@jit
def _add(tree, time, weight):
    at = time + 1
    while at < len(tree):
        tree[at] += weight
        at += at & -at
