"""W-TinyLFU: a small LRU window in front of an SLRU main area whose gate is a frequency sketch (Einziger, Friedman and
Manes, "TinyLFU: A Highly Efficient Cache Admission Policy", ACM ToS 13(4), 2017, section 4).

As in Caffeine: window 1 %, protected 80 % of main, 4-bit count-min sketch of `capacity` entries, halved every 10
uses per entry; the page that the window gives up replaces main's coldest page only if it was seen more often.
Deviations: no random admission against hash flooding; the doorkeeper is off, as in Caffeine.
`recency` above 0 scores by (1 - recency) x frequency / 15 + recency x freshness instead, freshness falling from 1 to 0
over 10 x capacity accesses; the variant of 80 % frequency and 20 % recency has the name w-tinylfu-80-20.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from .structures.bloom import add_to_bloom, in_bloom, new_bloom
from .structures.count_min import MAX_COUNT, CountMin, add_use, estimate, new_count_min
from .structures.linked_list import PREVIOUS, new_lists, pop_back, push_front, unlink

_WINDOW, _PROBATION, _PROTECTED = 0, 1, 2


class State(NamedTuple):
    links: np.ndarray  # (n_pages + 3, 2) uint32: window, probation and protected, most recent in front
    area: np.ndarray  # (n_pages,) uint8: which of the three a cached page is in
    sizes: np.ndarray  # (3,) int64: pages in each
    limits: np.ndarray  # (3,) int64: room in the window, in main, and in main's protected part
    sketch: CountMin
    doorkeeper: np.ndarray  # (words,) uint64: Bloom filter of pages seen once; one word: not in use
    last_use: np.ndarray  # (n_pages,) int64: access number of the last use; (0,) unless recency counts
    recency: np.ndarray  # (2,) float64: weight of recency, accesses until a page is stale


def init(
    capacity,
    n_pages,
    *,
    window: Annotated[float, Gt(0), Lt(1)] = 0.01,
    protected: Annotated[float, Ge(0), Le(1)] = 0.8,
    doorkeeper: bool = False,
    recency: Annotated[float, Ge(0), Le(1)] = 0.0,
):
    main = int(capacity * (1 - window))
    return State(
        links=new_lists(n_pages, 3),
        area=np.zeros(n_pages, np.uint8),
        sizes=np.zeros(3, np.int64),
        limits=np.array([capacity - main, main, int(main * protected)], np.int64),
        sketch=new_count_min(min(capacity, n_pages)),
        doorkeeper=new_bloom(min(capacity, n_pages)) if doorkeeper else np.zeros(1, np.uint64),
        last_use=np.zeros(n_pages if recency else 0, np.int64),
        recency=np.array([recency, 10 * capacity], np.float64),
    )


def on_hit(state, page, now):
    _note_use(state, page, now)
    area = state.area[page]
    _leave(state, page)
    if area == _WINDOW:
        _enter(state, _WINDOW, page)
        return
    _enter(state, _PROTECTED, page)
    if state.sizes[_PROTECTED] > state.limits[2]:
        _enter(state, _PROBATION, _leave_last(state, _PROTECTED))


def on_insert(state, page, now):
    _note_use(state, page, now)
    _enter(state, _WINDOW, page)
    if state.sizes[_WINDOW] > state.limits[0]:
        _enter(state, _PROBATION, _leave_last(state, _WINDOW))


def evict(state, now):
    if state.sizes[_WINDOW] < state.limits[0] and state.sizes[_PROBATION] + state.sizes[_PROTECTED] > 0:
        return _leave_last(state, _PROBATION if state.sizes[_PROBATION] > 0 else _PROTECTED)
    candidate = _leave_last(state, _WINDOW)
    if state.sizes[_PROBATION] == 0:
        return candidate
    victim = state.links[_head(state, _PROBATION), PREVIOUS]
    if _score(state, candidate, now) > _score(state, victim, now):
        _leave(state, victim)
        _enter(state, _PROBATION, candidate)
        return victim
    return candidate


def _note_use(state, page, now):
    if len(state.last_use) > 0:
        state.last_use[page] = now
    if len(state.doorkeeper) > 1:
        if not add_to_bloom(state.doorkeeper, page):
            return
        if add_use(state.sketch, page):
            state.doorkeeper[:] = 0
    else:
        add_use(state.sketch, page)


def _score(state, page, now):
    frequency = estimate(state.sketch, page)
    if len(state.doorkeeper) > 1 and in_bloom(state.doorkeeper, page):
        frequency += 1
    if len(state.last_use) == 0:
        return float(frequency)
    weight, horizon = state.recency
    freshness = max(1.0 - (now - state.last_use[page]) / horizon, 0.0)
    return (1.0 - weight) * frequency / MAX_COUNT + weight * freshness


def _head(state, area):
    return len(state.area) + area


def _enter(state, area, page):
    push_front(state.links, _head(state, area), page)
    state.area[page] = area
    state.sizes[area] += 1


def _leave(state, page):
    unlink(state.links, page)
    state.sizes[state.area[page]] -= 1


def _leave_last(state, area):
    state.sizes[area] -= 1
    return pop_back(state.links, _head(state, area))
