"""Hyperbolic caching: of 64 random pages the one with the fewest uses per access since it entered leaves (Blankstein,
Sen and Freedman, "Hyperbolic Caching: Flexible Caching for Web Applications", ATC 2017).

The sample is drawn with replacement; the first drawn of equals leaves. Every page costs the same.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge

from .structures.xorshift import below, new_generator, step

SIZED = True


class State(NamedTuple):
    pages: np.ndarray  # (capacity,) uint32: the cached pages, in no order
    place: np.ndarray  # (n_pages,) uint32: where in `pages` each of them stands
    uses: np.ndarray  # (capacity, 2) int64: uses of the page in each place, and the access at which it entered
    counts: np.ndarray  # (2,) int64: cached pages, and pages in a sample
    generator: np.ndarray  # (1,) uint64


def init(capacity, n_pages, seed, *, sample: Annotated[int, Ge(1)] = 64):
    places = min(capacity, n_pages)
    return State(
        pages=np.zeros(places, np.uint32),
        place=np.zeros(n_pages, np.uint32),
        uses=np.zeros((places, 2), np.int64),
        counts=np.array([0, sample], np.int64),
        generator=new_generator(seed),
    )


def on_hit(state, page, now):
    state.uses[state.place[page], 0] += 1


def on_insert(state, page, now):
    at = state.counts[0]
    state.counts[0] += 1
    state.pages[at] = page
    state.place[page] = at
    state.uses[at, 0] = 1
    state.uses[at, 1] = now


def evict(state, now):
    at, uses, age = 0, 1, 0  # more uses per access than any page has
    x, cached = state.generator[0], state.counts[0]
    for _ in range(state.counts[1]):
        x = step(x)
        other = below(x, cached)
        other_uses, other_age = state.uses[other, 0], now - state.uses[other, 1]
        # other_uses / other_age < uses / age, exactly
        if other_uses * age < uses * other_age:
            at, uses, age = other, other_uses, other_age
    state.generator[0] = x
    victim = state.pages[at]
    state.counts[0] -= 1
    last = state.counts[0]
    state.pages[at] = state.pages[last]
    state.place[state.pages[at]] = at
    state.uses[at, 0] = state.uses[last, 0]
    state.uses[at, 1] = state.uses[last, 1]
    return victim
