"""Random: any cached page leaves, each with the same probability."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .structures.xorshift import new_generator, random_below

SIZED = True


class State(NamedTuple):
    pages: np.ndarray  # (capacity,) uint32: the cached pages, in no order
    n_cached: np.ndarray  # (1,) int64: how many
    generator: np.ndarray  # (1,) uint64


def init(capacity, n_pages, seed):
    return State(np.zeros(min(capacity, n_pages), np.uint32), np.zeros(1, np.int64), new_generator(seed))


def on_hit(state, page, now):
    pass


def on_insert(state, page, now):
    state.pages[state.n_cached[0]] = page
    state.n_cached[0] += 1


def evict(state, now):
    at = random_below(state.generator, state.n_cached[0])
    victim = state.pages[at]
    state.n_cached[0] -= 1
    state.pages[at] = state.pages[state.n_cached[0]]
    return victim
