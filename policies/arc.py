"""ARC, adaptive replacement cache: an LRU list T1 of pages used once, another one T2 of those used again, and ghosts B1
and B2 of what each gave up; a hit in a ghost moves the target size p of T1 in favour of the list that should have
been longer (Megiddo and Modha, "ARC: a self-tuning, low overhead replacement cache", FAST 2003, figure 4).

p is real, as in libCacheSim (the paper leaves it open). Deviations, also libCacheSim's: a page hit in a ghost leaves
it before the eviction that makes room for it; and T1 gives up a page where T2 has none, whatever p says.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .structures.queues import Queues, enter, leave, leave_last, move, new_queues

_T1, _T2, _B1, _B2 = 0, 1, 2, 3
_RECALLED = 254  # place of a page between its ghost hit and its entry


class State(NamedTuple):
    queues: Queues  # T1, T2, B1 and B2, most recent page in front
    target: np.ndarray  # (1,) float64: p, the size that T1 should have
    ghost: np.ndarray  # (1,) uint8: the place of the page that room is made for: _B1, _B2 or any other
    capacity: np.ndarray  # (1,) int64


def init(capacity, n_pages):
    return State(new_queues(n_pages, 4), np.zeros(1), np.zeros(1, np.uint8), np.array([capacity], np.int64))


def on_hit(state, page, now):
    move(state.queues, _T2, page)


def on_insert(state, page, now):
    if state.queues.place[page] != _RECALLED:
        admit(state, page, now)
    enter(state.queues, _T2 if state.queues.place[page] == _RECALLED else _T1, page)


def admit(state, page, now):
    """Everything enters; a ghost hit moves the target and takes the page out of its ghost."""
    sizes, target = state.queues.sizes, state.target
    ghost = state.queues.place[page]
    state.ghost[0] = ghost
    if ghost == _B1:
        target[0] = min(target[0] + max(sizes[_B2] / sizes[_B1], 1.0), float(state.capacity[0]))
    elif ghost == _B2:
        target[0] = max(target[0] - max(sizes[_B1] / sizes[_B2], 1.0), 0.0)
    if ghost in (_B1, _B2):
        leave(state.queues, page)
        state.queues.place[page] = _RECALLED
    return True


def evict(state, now):
    sizes, target, capacity, ghost = state.queues.sizes, state.target[0], state.capacity[0], state.ghost[0]
    if ghost not in (_B1, _B2):
        if sizes[_T1] + sizes[_B1] >= capacity:
            if sizes[_B1] == 0:
                return leave_last(state.queues, _T1)
            leave_last(state.queues, _B1)
        elif sizes[_T1] + sizes[_T2] + sizes[_B1] + sizes[_B2] >= 2 * capacity and sizes[_B2] > 0:
            leave_last(state.queues, _B2)
    surplus = sizes[_T1] - target
    if sizes[_T2] == 0 or (sizes[_T1] > 0 and (surplus > 0 or (surplus == 0 and ghost == _B2))):
        page = leave_last(state.queues, _T1)
        enter(state.queues, _B1, page)
    else:
        page = leave_last(state.queues, _T2)
        enter(state.queues, _B2, page)
    return page
