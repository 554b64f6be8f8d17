"""W-TinyLFU whose window grows or shrinks by hill climbing, towards the share of most hits (Einziger, Eytan, Friedman
and Manes, "Adaptive Software Cache Management", Middleware 2018).

Constants are those of Caffeine 3.1: a sample of 10 accesses per entry; a first step of 6.25 % of the capacity, towards
a smaller window; steps turn round where a sample hits less than the one before, and shrink by 2 % each; where the page
hit ratio moved by 5 points or more, the next step has its first length again. Everything else as in w-tinylfu.
Deviations: pages move to their new area at once, not 1,000 at a time; and samples count while the cache fills.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import w_tinylfu
from .structures.queues import last, move
from .w_tinylfu import PROBATION, PROTECTED, WINDOW
from .w_tinylfu import evict as tinylfu_evict
from .w_tinylfu import on_hit as tinylfu_on_hit
from .w_tinylfu import on_insert as tinylfu_on_insert

ADMISSION = True

_FIRST_STEP = 0.0625  # of the capacity
_DECAY = 0.98
_RESTART = 0.05  # change of the page hit ratio
# Entries of the arrays below.
_ACCESSES, _HITS, _FULL = 0, 1, 2
_STEP, _FIRST, _RATIO = 0, 1, 2


class State(NamedTuple):
    tinylfu: w_tinylfu.State
    sample: np.ndarray  # (3,) int64: accesses and hits so far, accesses of a full sample
    climb: np.ndarray  # (3,) float64: next step and length of a first one, in pages; last sample's page hit ratio


def init(capacity, n_pages):
    tinylfu = w_tinylfu.init(capacity, n_pages)
    step = _FIRST_STEP * capacity
    return State(tinylfu, np.array([0, 0, tinylfu.sketch.sample[1]], np.int64), np.array([-step, step, 0.0]))


def on_hit(state, page, now):
    tinylfu_on_hit(state.tinylfu, page, now)
    _end_access(state, 1)


def on_insert(state, page, now):
    tinylfu_on_insert(state.tinylfu, page, now)
    _end_access(state, 0)


def evict(state, now):
    return tinylfu_evict(state.tinylfu, now)


def stats(state):
    """Room of the window at the end, in pages."""
    return {"window": int(state.tinylfu.limits[WINDOW])}


def _end_access(state, hit):
    state.sample[_ACCESSES] += 1
    state.sample[_HITS] += hit
    if state.sample[_ACCESSES] == state.sample[_FULL]:
        _resize_window(state.tinylfu, _next_step(state))
        state.sample[_ACCESSES] = 0
        state.sample[_HITS] = 0


def _next_step(state):
    """Pages by which the window is to grow, or to shrink where negative."""
    climb = state.climb
    ratio = state.sample[_HITS] / state.sample[_ACCESSES]
    change = ratio - climb[_RATIO]
    step = climb[_STEP] if change >= 0.0 else -climb[_STEP]
    if abs(change) < _RESTART:
        climb[_STEP] = _DECAY * step
    else:
        climb[_STEP] = climb[_FIRST] if step >= 0.0 else -climb[_FIRST]
    climb[_RATIO] = ratio
    return int(step)


def _resize_window(tinylfu, step):
    """Move room between window and protected area, and coldest pages with it, as far as there are any to move."""
    queues, limits = tinylfu.queues, tinylfu.limits
    if step > 0:
        quota = min(step, limits[PROTECTED])
        limits[PROTECTED] -= quota
        while queues.sizes[PROTECTED] > limits[PROTECTED]:
            move(queues, PROBATION, last(queues, PROTECTED))
        while quota > 0 and queues.sizes[PROBATION] + queues.sizes[PROTECTED] > 0:
            move(queues, WINDOW, last(queues, PROBATION if queues.sizes[PROBATION] > 0 else PROTECTED))
            limits[WINDOW] += 1
            quota -= 1
        limits[PROTECTED] += quota
    else:
        quota = min(-step, limits[WINDOW] - 1)
        while quota > 0 and queues.sizes[WINDOW] > 0:
            move(queues, PROBATION, last(queues, WINDOW))
            limits[WINDOW] -= 1
            limits[PROTECTED] += 1
            quota -= 1
