"""Belady's MIN with bypass: as belady, but a missed page that is used later than every cached one stays out.

The most hits that any policy can reach which may also serve a page without caching it; among pages of equal size. The
missed page is one more candidate for MIN's rule, whose victim it then is at once. Why that also is the optimum for
prefixes stands in `kvreplay.simulator.replay.optimum`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import belady
from .belady import evict as evict_farthest
from .belady import on_hit as expect
from .structures.bit_tree import peek_highest_bit

# Entries of `counts`.
_STUCK = 0  # pages given up that could not leave yet: never used again, but before others of that kind in a prefix
_ADMITTED = 1  # whether a page was admitted for which nobody called evict() yet


class State(NamedTuple):
    min: belady.State
    counts: np.ndarray  # (2,) int64


def init(capacity, n_pages, future):
    return State(belady.init(capacity, n_pages, future), np.zeros(2, np.int64))


def on_hit(state, page, now):
    expect(state.min, page, now)


def on_insert(state, page, now):
    expect(state.min, page, now)


def admit(state, page, now):
    counts, following = state.counts, state.min.next_use[now]
    if counts[_ADMITTED]:  # it took the place of a page that was stuck
        counts[_STUCK] -= 1
    counts[_ADMITTED] = following < len(state.min.upcoming) and (
        state.min.n_dead[0] > 0 or counts[_STUCK] > 0 or following < peek_highest_bit(state.min.bits, state.min.levels)
    )
    return counts[_ADMITTED] > 0


def evict(state, now):
    if not state.counts[_ADMITTED]:  # asked again: the page named before is stuck
        state.counts[_STUCK] += 1
    state.counts[_ADMITTED] = 0
    return evict_farthest(state.min, now)
