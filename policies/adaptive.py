"""Adaptive: runs LRU and LFU side by side as ghosts and evicts as the one that hits more.

Both ghosts see every access and manage a full cache of page ids without content. Every `period` accesses their hits in
that period are compared; the cache follows the other one from then on if it had more than (1 + margin) times the
hits of the followed one. The cached pages are kept in LRU order and in LFU order at once, so a switch is one
assignment: nothing is rebuilt. The statistics tell when it switched.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge

from . import lfu, lru
from .lfu import evict as lfu_evict
from .lfu import on_hit as lfu_on_hit
from .lfu import on_insert as lfu_on_insert
from .lfu import remove as lfu_remove
from .lru import evict as lru_evict
from .lru import on_hit as lru_on_hit
from .lru import on_insert as lru_on_insert
from .lru import remove as lru_remove

_LRU, _LFU = 0, 1
_SWITCHES_KEPT = 1000


class State(NamedTuple):
    lru: lru.State  # the cached pages in LRU order
    lfu: lfu.State  # the same pages in LFU order
    ghost_lru: lru.State  # an LRU cache of the same capacity
    ghost_lfu: lfu.State
    in_ghost: np.ndarray  # (2, n_pages) uint8: which pages the ghosts hold
    ghost_size: np.ndarray  # (2,) int64
    ghost_hits: np.ndarray  # (2,) int64: in this period
    clock: np.ndarray  # (4,) int64: the followed policy, accesses left in this period, switches, accesses so far
    settings: np.ndarray  # (2,) int64: capacity, period
    margin: np.ndarray  # (1,) float64
    switched_at: np.ndarray  # (_SWITCHES_KEPT,) int64: access numbers of the first switches


def init(capacity, n_pages, *, period: Annotated[int, Ge(0)] = 0, margin: Annotated[float, Ge(0)] = 0.02):
    """`period` in accesses; 0 stands for the capacity, at least 100."""
    period = period or max(capacity, 100)
    return State(
        lru=lru.init(capacity, n_pages),
        lfu=lfu.init(capacity, n_pages),
        ghost_lru=lru.init(capacity, n_pages),
        ghost_lfu=lfu.init(capacity, n_pages),
        in_ghost=np.zeros((2, n_pages), np.uint8),
        ghost_size=np.zeros(2, np.int64),
        ghost_hits=np.zeros(2, np.int64),
        clock=np.array([_LRU, period, 0, 0], np.int64),
        settings=np.array([capacity, period], np.int64),
        margin=np.array([margin]),
        switched_at=np.zeros(_SWITCHES_KEPT, np.int64),
    )


def on_hit(state, page, now):
    lru_on_hit(state.lru, page, now)
    lfu_on_hit(state.lfu, page, now)
    _observe(state, page, now)


def on_insert(state, page, now):
    lru_on_insert(state.lru, page, now)
    lfu_on_insert(state.lfu, page, now)
    _observe(state, page, now)


def evict(state, now):
    if state.clock[0] == _LRU:
        victim = lru_evict(state.lru, now)
        lfu_remove(state.lfu, victim)
    else:
        victim = lfu_evict(state.lfu, now)
        lru_remove(state.lru, victim)
    return victim


def stats(state):
    """Switches, accesses per decision, and the access numbers at which it switched."""
    switches = int(state.clock[2])
    return {
        "switches": switches,
        "period": int(state.settings[1]),
        "follows_at_end": ("lru", "lfu")[state.clock[0]],
        "switched_at": state.switched_at[: min(switches, _SWITCHES_KEPT)].tolist(),
    }


def _observe(state, page, now):
    """Let both ghosts see the access, and decide at the end of a period whom to follow."""
    if state.in_ghost[_LRU, page]:
        state.ghost_hits[_LRU] += 1
        lru_on_hit(state.ghost_lru, page, now)
    else:
        if state.ghost_size[_LRU] == state.settings[0]:
            state.in_ghost[_LRU, lru_evict(state.ghost_lru, now)] = 0
        else:
            state.ghost_size[_LRU] += 1
        state.in_ghost[_LRU, page] = 1
        lru_on_insert(state.ghost_lru, page, now)
    if state.in_ghost[_LFU, page]:
        state.ghost_hits[_LFU] += 1
        lfu_on_hit(state.ghost_lfu, page, now)
    else:
        if state.ghost_size[_LFU] == state.settings[0]:
            state.in_ghost[_LFU, lfu_evict(state.ghost_lfu, now)] = 0
        else:
            state.ghost_size[_LFU] += 1
        state.in_ghost[_LFU, page] = 1
        lfu_on_insert(state.ghost_lfu, page, now)
    state.clock[3] += 1
    state.clock[1] -= 1
    if state.clock[1] == 0:
        _decide(state)


def _decide(state):
    followed = state.clock[0]
    other = 1 - followed
    if state.ghost_hits[other] > (1.0 + state.margin[0]) * state.ghost_hits[followed]:
        state.clock[0] = other
        if state.clock[2] < _SWITCHES_KEPT:
            state.switched_at[state.clock[2]] = state.clock[3]
        state.clock[2] += 1
    state.ghost_hits[:] = 0
    state.clock[1] = state.settings[1]
