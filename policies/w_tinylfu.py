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
from .structures.queues import Queues, enter, last, leave_last, move, new_queues

ADMISSION = True

WINDOW, PROBATION, PROTECTED = 0, 1, 2


class State(NamedTuple):
    queues: Queues  # window, probation and protected, most recent page in front; the latter two are the main area
    limits: np.ndarray  # (3,) int64: room in each; probation has none of its own
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
        queues=new_queues(n_pages, 3),
        limits=np.array([capacity - main, 0, int(main * protected)], np.int64),
        sketch=new_count_min(min(capacity, n_pages)),
        doorkeeper=new_bloom(min(capacity, n_pages)) if doorkeeper else np.zeros(1, np.uint64),
        last_use=np.zeros(n_pages if recency else 0, np.int64),
        recency=np.array([recency, 10 * capacity], np.float64),
    )


def on_hit(state, page, now):
    _note_use(state, page, now)
    if state.queues.place[page] == WINDOW:
        move(state.queues, WINDOW, page)
        return
    move(state.queues, PROTECTED, page)
    if state.queues.sizes[PROTECTED] > state.limits[PROTECTED]:
        move(state.queues, PROBATION, last(state.queues, PROTECTED))


def on_insert(state, page, now):
    _note_use(state, page, now)
    enter(state.queues, WINDOW, page)
    if state.queues.sizes[WINDOW] > state.limits[WINDOW]:
        move(state.queues, PROBATION, last(state.queues, WINDOW))


def evict(state, now):
    sizes = state.queues.sizes
    if sizes[WINDOW] < state.limits[WINDOW] and sizes[PROBATION] + sizes[PROTECTED] > 0:
        return leave_last(state.queues, PROBATION if sizes[PROBATION] > 0 else PROTECTED)
    if sizes[PROBATION] == 0:
        return leave_last(state.queues, WINDOW)
    candidate, victim = last(state.queues, WINDOW), last(state.queues, PROBATION)
    if _score(state, candidate, now) > _score(state, victim, now):
        leave_last(state.queues, PROBATION)
        move(state.queues, PROBATION, candidate)
        return victim
    return leave_last(state.queues, WINDOW)


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
