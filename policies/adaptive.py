"""Adaptive: runs LRU, LFU, LIRS, W-TinyLFU and Gittins side by side as ghosts and caches as the one that hits most.

Every ghost sees every access and manages a full cache of page ids without content. The hits of each are summed, older
ones fading by 2 % with every `period` accesses; at the end of a period the cache follows another ghost from then on if
its sum exceeds that of the followed one by more than `margin` times the capacity. For a switch costs up to a cache full
of misses: what leads by 14 points is followed after six periods, what leads by 1.4 points or less is not.

A victim is a page that the followed ghost does not hold, the one it dropped first; where it holds all of them, it drops
one. So the cache becomes the ghost's within as many misses as they differ by, a switch is one assignment, and any
policy can be a ghost. The statistics tell when it switched.

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
_FADING = 0.98  # of the hits before, with every period; it and the margin were chosen on the first halves of traces
_SWITCHES_KEPT = 1000
# Entries of `clock`.
_FOLLOWED, _REST, _PERIOD, _SWITCHES, _ACCESSES = range(5)


class State(NamedTuple):
    lru: lru.State
    lfu: lfu.State
    lirs: lirs.State
    w_tinylfu: w_tinylfu.State
    gittins: gittins.State
    in_ghost: np.ndarray  # (5, n_pages) uint8: which pages each ghost holds
    room: np.ndarray  # (5,) int64: how many more it has room for
    hits: np.ndarray  # (5,) float64, fading
    margin: np.ndarray  # (1,) float64: the lead in hits that is needed
    cached: np.ndarray  # (n_pages,) uint8
    strays: np.ndarray  # (5, n_pages + 1, 2) uint32: lists of the cached pages that each ghost does not hold
    clock: np.ndarray  # (5,) int64: the followed ghost, accesses left in this period and in all, switches, accesses
    switched_at: np.ndarray  # (_SWITCHES_KEPT,) int64: access numbers of the first switches


def init(capacity, n_pages, *, period: Annotated[int, Ge(0)] = 0, margin: Annotated[float, Ge(0)] = 0.7):
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
        room=np.full(len(_GHOSTS), places),
        hits=np.zeros(len(_GHOSTS)),
        margin=np.array([margin * places]),
        cached=np.zeros(n_pages, np.uint8),
        strays=np.stack([new_lists(n_pages, 1) for _ in _GHOSTS]),
        clock=np.array([_GITTINS, period, period, 0, 0], np.int64),
        switched_at=np.zeros(_SWITCHES_KEPT, np.int64),
    )


def on_hit(state, page, now):
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


def on_insert(state, page, now):
    on_hit(state, page, now)
    state.cached[page] = 1  # every ghost holds it now, so it is no stray


def evict(state, now):
    followed = state.clock[_FOLLOWED]
    strays = state.strays[followed]
    # More than once where the ghost holds pages that the cache does not.
    while is_empty(strays, _head(state)):
        if followed == _LRU:
            drop_lru(state, state.lru, _LRU, now)
        elif followed == _LFU:
            drop_lfu(state, state.lfu, _LFU, now)
        elif followed == _LIRS:
            drop_lirs(state, state.lirs, _LIRS, now)
        elif followed == _W_TINYLFU:
            drop_w_tinylfu(state, state.w_tinylfu, _W_TINYLFU, now)
        else:
            drop_gittins(state, state.gittins, _GITTINS, now)
    victim = strays[_head(state), PREVIOUS]
    state.cached[victim] = 0
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


# In these two `own` is the state of the ghost's policy, whose hooks are put in below.


def _access(state, own, ghost, page, now):
    """One access of a ghost, as a replay loop makes it."""
    if state.in_ghost[ghost, page]:
        state.hits[ghost] += 1
        on_hit(own, page, now)
    else:
        if state.room[ghost] == 0:
            _drop(state, own, ghost, now)
        state.room[ghost] -= 1
        state.in_ghost[ghost, page] = 1
        if state.cached[page]:
            unlink(state.strays[ghost], page)
        on_insert(own, page, now)


def _drop(state, own, ghost, now):
    page = evict(own, now)
    state.room[ghost] += 1
    state.in_ghost[ghost, page] = 0
    if state.cached[page]:
        push_front(state.strays[ghost], _head(state), page)


def _decide(state):
    followed = state.clock[_FOLLOWED]
    best, most = followed, state.hits[followed] + state.margin[0]
    for ghost in range(len(_GHOSTS)):
        if state.hits[ghost] > most:
            best, most = ghost, state.hits[ghost]
        state.hits[ghost] *= _FADING
    if best != followed:
        state.clock[_FOLLOWED] = best
        if state.clock[_SWITCHES] < _SWITCHES_KEPT:
            state.switched_at[state.clock[_SWITCHES]] = state.clock[_ACCESSES]
        state.clock[_SWITCHES] += 1


def _head(state):
    return np.uint32(len(state.cached))


def _by(policy):
    hooks = {"on_hit": policy.on_hit, "on_insert": policy.on_insert, "evict": policy.evict}
    drop = FunctionType(_drop.__code__, globals() | hooks, f"drop_{policy.__name__}")
    access = FunctionType(_access.__code__, globals() | hooks | {"_drop": drop}, f"access_{policy.__name__}")
    return drop, access


drop_lru, access_lru = _by(lru)
drop_lfu, access_lfu = _by(lfu)
drop_lirs, access_lirs = _by(lirs)
drop_w_tinylfu, access_w_tinylfu = _by(w_tinylfu)
drop_gittins, access_gittins = _by(gittins)
