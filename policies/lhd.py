"""LHD, least hit density: of 32 random pages the one leaves that promises the fewest hits per access that it will stay
(Beckmann, Chen and Cidon, "LHD: Improving Cache Hit Rate by Maximizing Hit Density", NSDI 2018).

The density of a page is that of its class at its age: hits at that age or later over the lifetimes still to come, from
counts of the ages at which pages were hit or evicted. A class is the logarithm of the sum of a page's last two ages at
a hit. Counts fade by 0.9 whenever densities are computed anew; until then density is (class + 1) / (age + 1). Sample,
decay, classes and start are those of the authors' code (github.com/CMU-CORGI/LHD).

Simplifications: pages of one size and one application; no explorers, that is, no pages exempt from eviction, and no
list of recent admissions beside the sample; 1,024 ages instead of 20,000, which span at least 100 times the capacity
from the start instead of being fitted to it; densities are computed every 8 accesses per entry, at least 1,024,
instead of every 2**20; and the sample is 32 from the start, where that code draws 8 in the first 50 periods.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge

from .structures.bit_tree import highest_bit
from .structures.xorshift import below, new_generator, step

_AGES = 1024
_CLASSES = 12  # doublings that bring an age to _AGES, 0 to 10, and 11 for an age of 0
_SPAN = 100  # accesses per entry that the ages reach over at least
_ACCESSES_PER_ENTRY, _LEAST_ACCESSES = 8, 1024  # between computations of the densities
_DECAY = 0.9
_NEGLIGIBLE = 1e-5  # events, faded
_OVERFLOW = -1.0  # density at the last age, which stands for all beyond it as well: below every other
# Entries of `counts`.
_CACHED, _SAMPLE, _SHIFT, _PERIOD, _REST = 0, 1, 2, 3, 4


class State(NamedTuple):
    pages: np.ndarray  # (capacity,) uint32: the cached pages, in no order
    last_use: np.ndarray  # (capacity,) int64: access number of the page in each place
    classes: np.ndarray  # (capacity,) uint8: class of the page in each place
    place: np.ndarray  # (n_pages,) uint32: where in `pages` each of them stands
    hit_age: np.ndarray  # (n_pages,) uint32: age at the last hit of a cached page
    hits: np.ndarray  # (_CLASSES, _AGES) float64, fading
    evictions: np.ndarray  # (_CLASSES, _AGES) float64, fading
    density: np.ndarray  # (_CLASSES, _AGES) float64
    counts: np.ndarray  # (5,) int64: cached pages, pages in a sample, bits that an age drops, accesses between
    # computations, accesses left until the next
    generator: np.ndarray  # (1,) uint64


def init(capacity, n_pages, seed, *, sample: Annotated[int, Ge(1)] = 32):
    places = min(capacity, n_pages)
    period = max(_ACCESSES_PER_ENTRY * places, _LEAST_ACCESSES)
    shift = max((-(-_SPAN * places // _AGES) - 1).bit_length(), 0)
    density = np.arange(1.0, _CLASSES + 1)[:, None] / np.arange(1.0, _AGES + 1)
    density[:, -1] = _OVERFLOW
    return State(
        pages=np.zeros(places, np.uint32),
        last_use=np.zeros(places, np.int64),
        classes=np.zeros(places, np.uint8),
        place=np.zeros(n_pages, np.uint32),
        hit_age=np.zeros(n_pages, np.uint32),
        hits=np.zeros((_CLASSES, _AGES)),
        evictions=np.zeros((_CLASSES, _AGES)),
        density=density,
        counts=np.array([0, sample, shift, period, period], np.int64),
        generator=new_generator(seed),
    )


def on_hit(state, page, now):
    at = state.place[page]
    age = _age(state, at, now)
    state.hits[state.classes[at], age] += 1.0
    state.classes[at] = _class_of(age + np.int64(state.hit_age[page]))
    state.hit_age[page] = age
    state.last_use[at] = now
    _end_access(state)


def on_insert(state, page, now):
    at = state.counts[_CACHED]
    state.counts[_CACHED] += 1
    state.pages[at] = page
    state.place[page] = at
    state.last_use[at] = now
    state.classes[at] = 0
    state.hit_age[page] = 0
    _end_access(state)


def evict(state, now):
    at, least = 0, np.inf
    x, cached = state.generator[0], state.counts[_CACHED]
    for _ in range(state.counts[_SAMPLE]):
        x = step(x)
        other = below(x, cached)
        density = state.density[state.classes[other], _age(state, other, now)]
        if density < least:
            at, least = other, density
    state.generator[0] = x
    state.evictions[state.classes[at], _age(state, at, now)] += 1.0
    victim = state.pages[at]
    state.counts[_CACHED] -= 1
    last = state.counts[_CACHED]
    state.pages[at] = state.pages[last]
    state.place[state.pages[at]] = at
    state.last_use[at] = state.last_use[last]
    state.classes[at] = state.classes[last]
    return victim


def _age(state, at, now):
    return min((now - state.last_use[at]) >> state.counts[_SHIFT], _AGES - 1)


def _class_of(age):
    if age == 0:
        return _CLASSES - 1
    return max(_CLASSES - 2 - highest_bit(np.uint64(age)), 0)


def _end_access(state):
    state.counts[_REST] -= 1
    if state.counts[_REST] == 0:
        state.counts[_REST] = state.counts[_PERIOD]
        for number in range(_CLASSES):
            _model(state, number)


def _model(state, number):
    """Compute a class's densities from the highest age down: sums over all later ages then cost nothing."""
    hits = events = lifetimes = 0.0
    for age in range(_AGES - 1, -1, -1):
        state.hits[number, age] *= _DECAY
        state.evictions[number, age] *= _DECAY
        hits += state.hits[number, age]
        events += state.hits[number, age] + state.evictions[number, age]
        lifetimes += events
        state.density[number, age] = hits / lifetimes if events > _NEGLIGIBLE else 0.0
    state.density[number, _AGES - 1] = _OVERFLOW
