"""QD-LP-FIFO, quick demotion and lazy promotion: a small FIFO queue on probation in front of a 2-bit CLOCK, and a ghost
queue of what failed (Yang, Qiu, Zhang, Yue and Rashmi, "FIFO can be better than LRU: the power of lazy promotion and
quick demotion", HotOS 2023).

Probation has 10 % of the capacity; a page that was used there moves to the main queue, one that was not is remembered
by a ghost queue of as many entries as main has, and enters main when it comes back. Main's hand spares a page once for
each use, three at most. As in libCacheSim, probation takes whatever room main does not fill yet. Deviation from it: a
page that comes back from the ghost queue costs one eviction, main's where main is full, and not two.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Gt, Lt

from .structures.queues import Queues, enter, leave, leave_last, new_queues

_PROBATION, _MAIN, _GHOST = 0, 1, 2
_RECALLED = 254  # place of a page between its ghost hit and its entry
_MAX_USES = np.uint8(3)


class State(NamedTuple):
    queues: Queues  # probation, main and ghost
    uses: np.ndarray  # (n_pages,) uint8: of a cached page in its queue, less those that main's hand took off
    room: np.ndarray  # (1,) int64: in main, and in the ghost queue
    into_main: np.ndarray  # (1,) int64: 1 where the page that room is made for was remembered


def init(capacity, n_pages, *, probation: Annotated[float, Gt(0), Lt(1)] = 0.1):
    room = max(capacity - max(int(capacity * probation), 1), 1)
    return State(new_queues(n_pages, 3), np.zeros(n_pages, np.uint8), np.array([room], np.int64), np.zeros(1, np.int64))


def on_hit(state, page, now):
    if state.uses[page] < _MAX_USES:
        state.uses[page] += np.uint8(1)


def on_insert(state, page, now):
    admit(state, page, now)
    enter(state.queues, _MAIN if state.queues.place[page] == _RECALLED else _PROBATION, page)
    state.uses[page] = 0


def admit(state, page, now):
    """Everything enters; but a remembered page leaves the ghost queue before another one is pushed into it."""
    if state.queues.place[page] == _GHOST:
        leave(state.queues, page)
        state.queues.place[page] = _RECALLED
    state.into_main[0] = state.queues.place[page] == _RECALLED
    return True


def evict(state, now):
    sizes, room = state.queues.sizes, state.room[0]
    while sizes[_PROBATION] > 0 and sizes[_MAIN] + state.into_main[0] <= room:
        page = leave_last(state.queues, _PROBATION)
        if state.uses[page] == 0:
            if sizes[_GHOST] == room:
                leave_last(state.queues, _GHOST)
            enter(state.queues, _GHOST, page)
            return page
        state.uses[page] = 0
        enter(state.queues, _MAIN, page)
    while True:
        page = leave_last(state.queues, _MAIN)
        if state.uses[page] == 0:
            return page
        state.uses[page] -= np.uint8(1)
        enter(state.queues, _MAIN, page)
