"""2Q, full version: new pages pass a FIFO queue A1in; those wanted again after it, while a ghost queue A1out remembers
them, enter an LRU list Am (Johnson and Shasha, "2Q: a low overhead high performance buffer management replacement
algorithm", VLDB 1994).

Sizes are the paper's and libCacheSim's: A1in 25 % of the capacity, A1out 50 %, Am the rest. A hit in A1in does nothing.
As in libCacheSim, a remembered page leaves A1out before the eviction that makes room for it pushes another one in.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Lt

from .structures.queues import Queues, enter, leave, leave_last, move, new_queues

_IN, _OUT, _MAIN = 0, 1, 2
_RECALLED = 254  # place of a page between its ghost hit and its entry


class State(NamedTuple):
    queues: Queues  # A1in, A1out and Am
    limits: np.ndarray  # (2,) int64: room in A1in and A1out


def init(capacity, n_pages, *, a1in: Annotated[float, Ge(0), Lt(1)] = 0.25, a1out: Annotated[float, Ge(0)] = 0.5):
    return State(new_queues(n_pages, 3), np.array([int(capacity * a1in), int(capacity * a1out)], np.int64))


def on_hit(state, page, now):
    if state.queues.place[page] == _MAIN:
        move(state.queues, _MAIN, page)


def on_insert(state, page, now):
    admit(state, page, now)
    enter(state.queues, _MAIN if state.queues.place[page] == _RECALLED else _IN, page)


def admit(state, page, now):
    """Everything enters; but a remembered page leaves A1out before another one is pushed into it."""
    if state.queues.place[page] == _OUT:
        leave(state.queues, page)
        state.queues.place[page] = _RECALLED
    return True


def evict(state, now):
    sizes, limits = state.queues.sizes, state.limits
    if sizes[_MAIN] > 0 and sizes[_IN] <= limits[_IN]:
        return leave_last(state.queues, _MAIN)
    page = leave_last(state.queues, _IN)
    if limits[_OUT] > 0:
        if sizes[_OUT] == limits[_OUT]:
            leave_last(state.queues, _OUT)
        enter(state.queues, _OUT, page)
    return page
