"""Adaptive: runs LRU, LFU, LIRS, W-TinyLFU and Gittins side by side as ghosts and caches as the one that hits most.

Every ghost sees every access and manages a full cache of page ids without content. The hits of each are summed, older
ones fading by 3 % with every `period` accesses; at the end of a period the cache follows another ghost from
then on if its sum is more than (1 + margin) times that of the followed one. A victim is a page that the followed ghost
does not hold, the one it dropped first: so the cache becomes the ghost's within as many misses as they differ by, a
switch is one assignment, and any policy can be a ghost. The statistics tell when it switched.

A policy of this project's own. Gramacy, Warmuth, Brandt and Ari, "Adaptive Caching by Refetching", NIPS 2002, run such
ghosts too, but weigh them as experts and fetch what the best one holds; here nothing is fetched that was not asked for.
"""

from __future__ import annotations

from types import FunctionType
from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge

from . import gittins, lfu, lirs, lru, w_tinylfu
from .structures.linked_list import PREVIOUS, is_empty, new_lists, push_front, unlink

_LRU, _LFU, _LIRS, _W_TINYLFU, _GITTINS = range(5)
_GHOSTS = ("lru", "lfu", "lirs", "w-tinylfu", "gittins")
_FADING = 0.97  # of the hits before, with every period
_SWITCHES_KEPT = 1000
# Entries of `clock`.
_FOLLOWED, _REST, _SWITCHES, _ACCESSES, _PERIOD, _CAPACITY = range(6)


class State(NamedTuple):
    lru: lru.State
    lfu: lfu.State
    lirs: lirs.State
    w_tinylfu: w_tinylfu.State
    gittins: gittins.State
    in_ghost: np.ndarray  # (5, n_pages) uint8: which pages each ghost holds
    ghost_size: np.ndarray  # (5,) int64
    ghost_hits: np.ndarray  # (5,) float64, fading
    cached: np.ndarray  # (n_pages,) uint8
    strays: np.ndarray  # (5, n_pages + 1, 2) uint32: lists of the cached pages that each ghost does not hold
    order: np.ndarray  # (n_pages + 1, 2) uint32: list of the cached pages, the last used in front
    observed: np.ndarray  # (n_pages,) int64: the last access of each page that the ghosts saw, or -1
    clock: (
        np.ndarray
    )  # (6,) int64: the followed ghost, accesses left in this period, switches, accesses, the two settings
    margin: np.ndarray  # (1,) float64
    switched_at: np.ndarray  # (_SWITCHES_KEPT,) int64: access numbers of the first switches


def init(capacity, n_pages, *, period: Annotated[int, Ge(0)] = 0, margin: Annotated[float, Ge(0)] = 0.03):
    """`period` in accesses; 0 stands for the capacity, at least 100."""
    period = period or max(capacity, 100)
    places = min(capacity, n_pages)
    return State(
        lru=lru.init(capacity, n_pages),
        lfu=lfu.init(capacity, n_pages),
        lirs=lirs.init(capacity, n_pages),
        w_tinylfu=w_tinylfu.init(capacity, n_pages),
        gittins=gittins.init(capacity, n_pages),
        in_ghost=np.zeros((len(_GHOSTS), n_pages), np.uint8),
        ghost_size=np.zeros(len(_GHOSTS), np.int64),
        ghost_hits=np.zeros(len(_GHOSTS)),
        cached=np.zeros(n_pages, np.uint8),
        strays=np.stack([new_lists(n_pages, 1) for _ in _GHOSTS]),
        order=new_lists(n_pages, 1),
        observed=np.full(n_pages, -1, np.int64),
        clock=np.array([_GITTINS, period, 0, 0, period, places], np.int64),
        margin=np.array([margin]),
        switched_at=np.zeros(_SWITCHES_KEPT, np.int64),
    )


def on_hit(state, page, now):
    _observe(state, page, now)
    unlink(state.order, page)
    push_front(state.order, _head(state), page)


def admit(state, page, now):
    _observe(state, page, now)  # so that the followed ghost has made its room before a victim is sought
    return True


def on_insert(state, page, now):
    _observe(state, page, now)
    state.cached[page] = 1
    push_front(state.order, _head(state), page)
    for ghost in range(len(_GHOSTS)):
        if not state.in_ghost[ghost, page]:
            push_front(state.strays[ghost], _head(state), page)


def evict(state, now):
    strays = state.strays[state.clock[_FOLLOWED]]
    # None are left only where the cache cannot be the ghost's: pages that are given up in it may be unable to leave.
    pages = state.order if is_empty(strays, _head(state)) else strays
    victim = pages[_head(state), PREVIOUS]
    state.cached[victim] = 0
    unlink(state.order, victim)
    for ghost in range(len(_GHOSTS)):
        if not state.in_ghost[ghost, victim]:
            unlink(state.strays[ghost], victim)
    return victim


def stats(state):
    """Switches, accesses per decision, and the access numbers at which it switched."""
    switches = int(state.clock[_SWITCHES])
    return {
        "switches": switches,
        "period": int(state.clock[_PERIOD]),
        "follows_at_end": _GHOSTS[state.clock[_FOLLOWED]],
        "switched_at": state.switched_at[: min(switches, _SWITCHES_KEPT)].tolist(),
    }


def _observe(state, page, now):
    """Let the ghosts see the access, once, and decide at the end of a period whom to follow."""
    if state.observed[page] == now:
        return
    state.observed[page] = now
    access_lru(state, state.lru, _LRU, page, now)
    access_lfu(state, state.lfu, _LFU, page, now)
    access_lirs(state, state.lirs, _LIRS, page, now)
    access_w_tinylfu(state, state.w_tinylfu, _W_TINYLFU, page, now)
    access_gittins(state, state.gittins, _GITTINS, page, now)
    state.clock[_ACCESSES] += 1
    state.clock[_REST] -= 1
    if state.clock[_REST] == 0:
        state.clock[_REST] = state.clock[_PERIOD]
        _decide(state)


def _access(state, own, ghost, page, now):
    """One access of a ghost, as a replay loop makes it; `own` is its policy's state, and the hooks are put in below."""
    if _held(state, ghost, page):
        on_hit(own, page, now)
    else:
        if _full(state, ghost):
            _dropped(state, ghost, evict(own, now))
        _taken(state, ghost, page)
        on_insert(own, page, now)


def _held(state, ghost, page):
    hit = state.in_ghost[ghost, page]
    state.ghost_hits[ghost] += hit
    return hit


def _full(state, ghost):
    full = state.ghost_size[ghost] == state.clock[_CAPACITY]
    state.ghost_size[ghost] += not full
    return full


def _dropped(state, ghost, page):
    state.in_ghost[ghost, page] = 0
    if state.cached[page]:
        push_front(state.strays[ghost], _head(state), page)


def _taken(state, ghost, page):
    state.in_ghost[ghost, page] = 1
    if state.cached[page]:
        unlink(state.strays[ghost], page)


def _decide(state):
    best = state.clock[_FOLLOWED]
    least = (1.0 + state.margin[0]) * state.ghost_hits[best]
    for ghost in range(len(_GHOSTS)):
        if state.ghost_hits[ghost] > least:
            best, least = ghost, state.ghost_hits[ghost]
        state.ghost_hits[ghost] *= _FADING
    if best != state.clock[_FOLLOWED]:
        state.clock[_FOLLOWED] = best
        if state.clock[_SWITCHES] < _SWITCHES_KEPT:
            state.switched_at[state.clock[_SWITCHES]] = state.clock[_ACCESSES]
        state.clock[_SWITCHES] += 1


def _head(state):
    return np.uint32(len(state.cached))


def _access_by(policy):
    hooks = {"on_hit": policy.on_hit, "on_insert": policy.on_insert, "evict": policy.evict}
    return FunctionType(_access.__code__, globals() | hooks, f"access_{policy.__name__}")


access_lru, access_lfu, access_lirs, access_w_tinylfu, access_gittins = map(
    _access_by, (lru, lfu, lirs, w_tinylfu, gittins)
)
