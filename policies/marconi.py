"""Marconi's FLOP-aware eviction: the page leaves whose recency + alpha x FLOP efficiency is the least (Pan et al.,
"Marconi: Prefix Caching for the Era of Hybrid LLMs", MLSys 2025, section 4.2, equations 1 and 2).

Recency is the time of the last use, FLOP efficiency the FLOPs that a hit on the page saves per byte that it takes; both
run from 0 to 1 over the cached pages. A hit on a page saves the prefill of its prefix of L tokens, by the paper's
count 24 L D^2 + 4 L^2 D per layer for D = `width`; the number of layers cancels, and so do the bytes: pages of keys and
values all take the same. alpha = 0 is LRU.

Deviations: attention layers only, as pages are; without states of recurrent layers there is no admission either.
`alpha` is fixed; the paper finds it by replaying what came first. Every page of a prefix that is hit counts as used,
there only the last node. What recency and efficiency run over is measured anew whenever as many pages left as the
cache holds, there at each eviction. Of equals the one used first leaves.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge

from .structures.indexed_heap import IndexedHeap, add, change, new_indexed_heap, pop, restore
from .structures.prefixes import depths, request_of

READING = "prefix"


class State(NamedTuple):
    heap: IndexedHeap  # by the bits of the key, then by the order of use
    arrival: np.ndarray  # (R,) float64
    offsets: np.ndarray  # (R+1,) int64
    used: np.ndarray  # (n_pages,) float64: when each cached page was last used, in seconds since the first request
    saved: np.ndarray  # (n_pages,) float64: FLOPs of the prefix up to each page, in units of 4 D per layer
    counts: np.ndarray  # (4,) int64: the current request, uses, evictions until measuring, and between
    scales: np.ndarray  # (3,) float64: alpha, and how far `used` and `saved` range


def init(
    capacity,
    n_pages,
    parent,
    requests,
    *,
    alpha: Annotated[float, Ge(0)] = 1.0,
    width: Annotated[int, Ge(1)] = 4096,
):
    room = min(capacity, n_pages)
    tokens = depths(parent).astype(np.float64) * max(requests.page_tokens, 1)
    return State(
        heap=new_indexed_heap(room, n_pages),
        arrival=requests.arrival,
        offsets=requests.offsets,
        used=np.zeros(n_pages),
        saved=tokens * (6.0 * width) + tokens * tokens,
        counts=np.array([0, 0, 0, room]),
        scales=np.array([alpha, 1.0, 1.0]),
    )


def on_hit(state, page, now):
    change(state.heap, page, _use(state, page, now), state.counts[1])


def on_insert(state, page, now):
    add(state.heap, page, _use(state, page, now), state.counts[1])


def evict(state, now):
    if state.counts[2] == 0:
        state.counts[2] = state.counts[3]
        _measure(state)
    state.counts[2] -= 1
    return pop(state.heap)


def _use(state, page, now):
    state.counts[1] += 1
    state.used[page] = state.arrival[request_of(state.counts, state.offsets, now)] - state.arrival[0]
    return _key(state, page)


def _key(state, page):
    # Where the ranges begin is left out: it is the same for all pages, and the key must not be negative.
    recency = state.used[page] / state.scales[1]
    efficiency = state.saved[page] / state.scales[2]
    return np.float64(recency + state.scales[0] * efficiency).view(np.int64)


def _measure(state):
    size = state.heap.size[0]
    first, last, least, most = np.inf, -np.inf, np.inf, -np.inf
    for at in range(size):
        page = state.heap.pages[at]
        first, last = min(first, state.used[page]), max(last, state.used[page])
        least, most = min(least, state.saved[page]), max(most, state.saved[page])
    state.scales[1] = last - first if last > first else 1.0
    state.scales[2] = most - least if most > least else 1.0
    for at in range(size):
        state.heap.keys[at, 0] = _key(state, state.heap.pages[at])
    restore(state.heap)
