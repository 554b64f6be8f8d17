"""Frequency- and cost-aware eviction as proposed for vLLM: the page with the fewest hits a second since its first hit
leaves, times the cost of computing it (vLLM pull request 27539, 2025, closed unmerged, for feature request 23641).

The score of a page is set when a request lets go of it: hits / max(window, seconds since the first hit) x cost; pages
that were never hit score 0. Of equals the one let go first leaves, and a request lets go of its last page first. The
pull request decays hits by exp(-decay x seconds), by default not at all. Its cost is the block size to the power of
`alpha`, the same for all blocks, hence none: `alpha` is 0 here. The feature request means the size of the whole prefix:
cost = pages of the prefix to the power of `alpha`, for which it proposes 2.

Deviations: requests take no time, so that a page is let go as soon as it is used. A page that leaves is forgotten; the
pull request keeps hits with the piece of memory, which hands them on to whatever it holds next.
"""

from __future__ import annotations

import math
from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le

from .structures.indexed_heap import IndexedHeap, add, change, new_indexed_heap, pop
from .structures.prefixes import depths, request_of

READING = "prefix"
_HIGHEST = 1e15  # score


class State(NamedTuple):
    heap: IndexedHeap  # by the bits of the score, then by when it was set
    arrival: np.ndarray  # (R,) float64
    offsets: np.ndarray  # (R+1,) int64
    cost: np.ndarray  # (n_pages,) float64
    first_hit: np.ndarray  # (n_pages,) float64: seconds
    hits: np.ndarray  # (n_pages,) int64: of each cached page
    counts: np.ndarray  # (2,) int64: the current request, and scores set so far
    numbers: np.ndarray  # (2,) float64: decay, window


def init(
    capacity,
    n_pages,
    parent,
    requests,
    *,
    alpha: Annotated[float, Ge(0), Le(10)] = 0.0,
    decay: Annotated[float, Ge(0)] = 0.0,
    window: Annotated[float, Gt(0)] = 1.0,
):
    return State(
        heap=new_indexed_heap(min(capacity, n_pages), n_pages),
        arrival=requests.arrival,
        offsets=requests.offsets,
        cost=depths(parent) ** float(alpha),
        first_hit=np.zeros(n_pages),
        hits=np.zeros(n_pages, np.int64),
        counts=np.zeros(2, np.int64),
        numbers=np.array([decay, window], np.float64),
    )


def on_hit(state, page, now):
    seconds = state.arrival[request_of(state.counts, state.offsets, now)]
    if state.hits[page] == 0:
        state.first_hit[page] = seconds
    state.hits[page] += 1
    age = max(seconds - state.first_hit[page], state.numbers[1])
    score = state.hits[page] * math.exp(-state.numbers[0] * age) / age * state.cost[page]
    change(state.heap, page, np.float64(min(score, _HIGHEST)).view(np.int64), _tick(state))


def on_insert(state, page, now):
    state.hits[page] = 0
    add(state.heap, page, 0, _tick(state))


def evict(state, now):
    return pop(state.heap)


def _tick(state):
    state.counts[1] += 1
    return state.counts[1]
