"""LRU that spares what waits: pages that requests in the waiting queue will hit leave last (vLLM RFC 48485 and pull
request 54366, 2026, neither merged).

Pages that no waiting request asks for leave in LRU order, then the others, in LRU order as well. The RFC looks at the
first requests of the scheduler's queue, as many as may run at once; with a clock we look at all of it. Assumption:
there is no queue without a clock; the next `waiting` requests of the trace stand in for it at every moment, as if the
server were always so far behind.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge

from .structures.linked_list import is_empty, new_lists, pop_back, push_front, unlink

READING = "prefix"


class State(NamedTuple):
    links: np.ndarray  # (n_pages + 2, 2) uint32: two lists, most recent page in front; the last rows are their heads
    wanted: np.ndarray  # (n_pages,) int32: waiting requests that ask for each page
    offsets: np.ndarray  # (R+1,) int64
    pages: np.ndarray  # (accesses,) uint32
    counts: np.ndarray  # (2,) int64: the current request, and how many wait; not used with a clock


def init(capacity, n_pages, requests, queue, *, waiting: Annotated[int, Ge(0)] = 8):
    if queue is not None:
        never, no_pages = np.array([0, np.iinfo(np.int64).max]), np.empty(0, np.uint32)
        never.flags.writeable = no_pages.flags.writeable = False  # as those of a trace are: one type, one machine code
        return State(new_lists(n_pages, 2), queue, never, no_pages, np.zeros(2, np.int64))
    offsets = requests.offsets
    first, last = min(1, len(offsets) - 1), min(1 + waiting, len(offsets) - 1)
    queued = requests.pages[offsets[first] : offsets[last]]
    return State(
        links=new_lists(n_pages, 2),
        wanted=np.bincount(queued, minlength=n_pages).astype(np.int32),
        offsets=offsets,
        pages=requests.pages,
        counts=np.array([0, waiting]),
    )


def on_hit(state, page, now):
    _follow_queue(state, now)
    unlink(state.links, page)
    push_front(state.links, _plain(state), page)


def on_insert(state, page, now):
    _follow_queue(state, now)
    push_front(state.links, _plain(state), page)


def evict(state, now):
    _follow_queue(state, now)
    plain, spared = _plain(state), np.uint32(len(state.links) - 1)
    # A spared page waits to be used, and only use takes it back: each moves once per use, the least recent first.
    while not is_empty(state.links, plain):
        page = pop_back(state.links, plain)
        if state.wanted[page] == 0:
            return page
        push_front(state.links, spared, page)
    return pop_back(state.links, spared)


def _follow_queue(state, now):
    """The request of access `now` has left the queue; others joined it."""
    offsets = state.offsets
    while offsets[state.counts[0] + 1] <= now:
        state.counts[0] += 1
        current = state.counts[0]
        for at in range(offsets[current], offsets[current + 1]):
            state.wanted[state.pages[at]] -= 1
        joining = current + state.counts[1]
        if joining + 1 < len(offsets):
            for at in range(offsets[joining], offsets[joining + 1]):
                state.wanted[state.pages[at]] += 1


def _plain(state):
    return np.uint32(len(state.links) - 2)
