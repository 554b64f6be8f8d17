"""LRU-K: the page whose K-th last use is the longest ago leaves; before it, those of fewer uses, in LRU order
(E. O'Neil, P. O'Neil and Weikum, "The LRU-K page replacement algorithm for database disk buffering", SIGMOD 1993,
figure 2.1).

What is known of a page outlives its stay in the cache: its history is retained for good, which is the paper's Retained
Information Period without an end. Deviation: every use counts, as with a Correlated Reference Period of 0. The name
lru-k-no-history forgets a page that leaves, as many do who say LRU-K; for K = 2 that is libCacheSim's LRU-K.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Le

from .structures.heap import Heap, new_heap, pop_heap, push_heap, replace_least
from .structures.linked_list import is_empty, new_lists, pop_back, push_front, unlink

SIZED = True
_NEVER = -1


class State(NamedTuple):
    uses: np.ndarray  # (n_pages, k) int64: access numbers of the last uses of each page, the last one first, or _NEVER
    young: np.ndarray  # (n_pages + 1, 2) uint32: list of the cached pages of fewer than k uses, most recent in front
    old: Heap  # the other cached pages by their k-th last use, or by a former one
    history: np.ndarray  # (1,) uint8: whether uses outlive the stay in the cache


def init(capacity, n_pages, *, k: Annotated[int, Ge(1), Le(100)] = 2, history: bool = True):
    return State(
        uses=np.full((n_pages, k), _NEVER, np.int64),
        young=new_lists(n_pages, 1),
        old=new_heap(min(capacity, n_pages)),
        history=np.array([history], np.uint8),
    )


def on_hit(state, page, now):
    # A page in the heap may stay where it is: its key only grows, and is looked up before it counts.
    if _kth_use(state, page) == _NEVER:
        unlink(state.young, page)
        _note_use(state, page, now)
        _enter(state, page)
    else:
        _note_use(state, page, now)


def on_insert(state, page, now):
    if not state.history[0]:
        state.uses[page] = _NEVER
    _note_use(state, page, now)
    _enter(state, page)


def evict(state, now):
    if not is_empty(state.young, _head(state)):
        return pop_back(state.young, _head(state))
    while True:
        page = state.old.pages[0]
        key = _kth_use(state, page)
        if key == state.old.keys[0]:
            return pop_heap(state.old)
        replace_least(state.old, key, page)


def _note_use(state, page, now):
    # An access may be told twice: where a page that the policy just gave up turns out to be in use.
    if state.uses[page, 0] != now:
        for i in range(state.uses.shape[1] - 1, 0, -1):
            state.uses[page, i] = state.uses[page, i - 1]
        state.uses[page, 0] = now


def _enter(state, page):
    key = _kth_use(state, page)
    if key == _NEVER:
        push_front(state.young, _head(state), page)
    else:
        push_heap(state.old, key, page)


def _kth_use(state, page):
    return state.uses[page, state.uses.shape[1] - 1]


def _head(state):
    return np.uint32(len(state.young) - 1)
