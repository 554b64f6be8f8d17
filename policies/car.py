"""CAR, CLOCK with adaptive replacement: ARC with two clocks T1 and T2 in place of LRU lists; a hit only sets a bit
(Bansal and Modha, "CAR: Clock with Adaptive Replacement", FAST 2004, figure 2).

A page whose bit is set does not leave T1 or T2 but goes on to, or round, T2. Ghosts B1 and B2 and the target size p of
T1 are as in ARC; but p moves after the eviction, while the page still stands in its ghost. p is real.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .structures.queues import NOWHERE, Queues, enter, leave_last, move, new_queues

_T1, _T2, _B1, _B2 = 0, 1, 2, 3


class State(NamedTuple):
    queues: Queues  # T1, T2, B1 and B2, the newest page in front; the clocks' hands are at the back
    used: np.ndarray  # (n_pages,) uint8: whether a cached page was used since it entered or the hand passed
    target: np.ndarray  # (1,) float64: p, the size that T1 should have
    capacity: np.ndarray  # (1,) int64


def init(capacity, n_pages):
    return State(new_queues(n_pages, 4), np.zeros(n_pages, np.uint8), np.zeros(1), np.array([capacity], np.int64))


def on_hit(state, page, now):
    state.used[page] = 1


def on_insert(state, page, now):
    sizes, target, capacity = state.queues.sizes, state.target, state.capacity[0]
    state.used[page] = 0
    ghost = state.queues.place[page]
    if ghost == NOWHERE:
        if sizes[_T1] + sizes[_B1] >= capacity and sizes[_B1] > 0:
            leave_last(state.queues, _B1)
        elif sizes[_T1] + sizes[_T2] + sizes[_B1] + sizes[_B2] >= 2 * capacity and sizes[_B2] > 0:
            leave_last(state.queues, _B2)
        enter(state.queues, _T1, page)
        return
    if ghost == _B1:
        target[0] = min(target[0] + max(sizes[_B2] / sizes[_B1], 1.0), float(capacity))
    else:
        target[0] = max(target[0] - max(sizes[_B1] / sizes[_B2], 1.0), 0.0)
    move(state.queues, _T2, page)


def evict(state, now):
    sizes = state.queues.sizes
    while True:
        clock = _T1 if sizes[_T2] == 0 or sizes[_T1] >= max(state.target[0], 1.0) else _T2
        page = leave_last(state.queues, clock)
        if not state.used[page]:
            enter(state.queues, _B1 if clock == _T1 else _B2, page)
            return page
        state.used[page] = 0
        enter(state.queues, _T2, page)
