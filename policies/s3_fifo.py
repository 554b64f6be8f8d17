"""S3-FIFO: a small FIFO queue filters one-hit wonders, a main one keeps the rest, a ghost one remembers what the
small one gave up (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023, Algorithm 1).

Constants are the paper's and libCacheSim's: small queue 10 %, ghost queue 90 % of the capacity, promotion to main
after 2 uses. As in libCacheSim, frequency has no cap while it is counted and one of 3 when main reinserts; and while
nothing was ever evicted and small is full, new pages enter main. Deviation: small has room for at least one page.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Lt

from .structures.linked_list import new_lists, pop_back, push_front, unlink

_UNKNOWN, _REMEMBERED, _RECALLED = 0, 1, 2


class State(NamedTuple):
    links: np.ndarray  # (n_pages + 3, 2) uint32: the queues small, main and ghost; their heads are the last rows
    uses: np.ndarray  # (n_pages,) uint32: hits since it entered, of a cached page
    ghost: np.ndarray  # (n_pages,) uint8: whether a page that is not cached is remembered
    sizes: np.ndarray  # (3,) int64: pages in small, main and ghost
    limits: np.ndarray  # (4,) int64: room in small, main and ghost, and the uses that promote to main
    evicted: np.ndarray  # (1,) uint8: whether anything was ever evicted


def init(
    capacity,
    n_pages,
    *,
    small: Annotated[float, Gt(0), Lt(1)] = 0.1,
    ghost: Annotated[float, Ge(0)] = 0.9,
    promote: Annotated[int, Ge(1)] = 2,
):
    in_small = max(int(capacity * small), 1)
    return State(
        links=new_lists(n_pages, 3),
        uses=np.zeros(n_pages, np.uint32),
        ghost=np.zeros(n_pages, np.uint8),
        sizes=np.zeros(3, np.int64),
        limits=np.array([in_small, capacity - in_small, int(capacity * ghost), promote], np.int64),
        evicted=np.zeros(1, np.uint8),
    )


def on_hit(state, page, now):
    state.uses[page] += np.uint32(1)


def on_insert(state, page, now):
    state.uses[page] = 0
    admit(state, page, now)
    small_is_full = state.sizes[0] >= state.limits[0]
    if state.ghost[page] == _RECALLED:
        state.ghost[page] = _UNKNOWN
        _enter(state, 1, page)
    elif state.evicted[0] == 0 and small_is_full:
        _enter(state, 1, page)
    else:
        _enter(state, 0, page)


def admit(state, page, now):
    """Everything enters; but a remembered page leaves the ghost queue before another one is pushed into it."""
    if state.ghost[page] == _REMEMBERED:
        unlink(state.links, page)
        state.sizes[2] -= 1
        state.ghost[page] = _RECALLED
    return True


def evict(state, now):
    state.evicted[0] = 1
    if state.sizes[1] <= state.limits[1]:
        # Main may outgrow its room here; it is brought back by the evictions that follow.
        while state.sizes[0] > 0:
            page = _leave(state, 0)
            if state.uses[page] < state.limits[3]:
                _remember(state, page)
                return page
            state.uses[page] = 0
            _enter(state, 1, page)
    while True:
        page = _leave(state, 1)
        if state.uses[page] == 0:
            return page
        state.uses[page] = min(state.uses[page], np.uint32(3)) - np.uint32(1)
        _enter(state, 1, page)


def _remember(state, page):
    if state.limits[2] == 0:
        return
    if state.sizes[2] == state.limits[2]:
        state.ghost[_leave(state, 2)] = _UNKNOWN
    state.ghost[page] = _REMEMBERED
    _enter(state, 2, page)


def _enter(state, queue, page):
    push_front(state.links, len(state.uses) + queue, page)
    state.sizes[queue] += 1


def _leave(state, queue):
    state.sizes[queue] -= 1
    return pop_back(state.links, len(state.uses) + queue)
