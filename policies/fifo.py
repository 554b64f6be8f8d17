"""FIFO, first in, first out: the page that entered first leaves, whatever was used since."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

SIZED = True


class State(NamedTuple):
    ring: np.ndarray  # (capacity,) uint32: the pages from oldest to newest, circular
    ends: np.ndarray  # (2,) int64: where the oldest stands, where the next one goes


def init(capacity, n_pages):
    # More pages than the trace has are never cached at once.
    return State(np.zeros(min(capacity, n_pages), np.uint32), np.zeros(2, np.int64))


def on_hit(state, page, now):
    pass


def on_insert(state, page, now):
    newest = state.ends[1]
    state.ring[newest] = page
    state.ends[1] = newest + 1 if newest + 1 < len(state.ring) else 0


def evict(state, now):
    oldest = state.ends[0]
    state.ends[0] = oldest + 1 if oldest + 1 < len(state.ring) else 0
    return state.ring[oldest]
