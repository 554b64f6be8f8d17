"""CLOCK, second chance: FIFO, but a page that was used since it entered goes round once more instead of leaving.

Corbató, "A paging experiment with the Multics system", 1968. With `bits` above 1 a counter of so many bits counts the
uses, and each round takes one off. One bit is the classic and the same as libCacheSim's Clock and FIFO-Reinsertion.
The clock's face is a ring here in which the page that stays moves from the oldest end to the newest, which is what
moving the hand past it does.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Le

SIZED = True


class State(NamedTuple):
    ring: np.ndarray  # (capacity,) uint32: the pages from oldest to newest, circular
    ends: np.ndarray  # (2,) int64: where the oldest stands, where the next one goes
    uses: np.ndarray  # (n_pages,) uint8: rounds that a cached page still has
    most: np.ndarray  # (1,) uint8: what the counter holds


def init(capacity, n_pages, *, bits: Annotated[int, Ge(1), Le(8)] = 1):
    return State(
        ring=np.zeros(min(capacity, n_pages), np.uint32),
        ends=np.zeros(2, np.int64),
        uses=np.zeros(n_pages, np.uint8),
        most=np.array([2**bits - 1], np.uint8),
    )


def on_hit(state, page, now):
    if state.uses[page] < state.most[0]:
        state.uses[page] += np.uint8(1)


def on_insert(state, page, now):
    state.uses[page] = 0
    _enter(state, page)


def evict(state, now):
    while True:
        oldest = state.ends[0]
        page = state.ring[oldest]
        state.ends[0] = oldest + 1 if oldest + 1 < len(state.ring) else 0
        if state.uses[page] == 0:
            return page
        state.uses[page] -= np.uint8(1)
        _enter(state, page)


def _enter(state, page):
    newest = state.ends[1]
    state.ring[newest] = page
    state.ends[1] = newest + 1 if newest + 1 < len(state.ring) else 0
