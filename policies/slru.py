"""SLRU, segmented LRU: every hit lifts a page by one segment, and pages that were lifted before it sink.

Karedla, Love and Wherry, "Caching strategies to improve disk system performance", IEEE Computer 27(3), 1994, with two
segments; four of capacity // 4 as in libCacheSim. A hit moves a page to the next segment, whose coldest page moves
down if it overflows; a new page enters the lowest segment with room; the coldest page of the lowest one leaves.
Deviation from libCacheSim where the capacity is no multiple of the segments: the lowest segment has the remainder
(there it overflows, and a hit may evict).
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge, Le

from .structures.queues import Queues, enter, leave_last, move, new_queues


class State(NamedTuple):
    segments: Queues  # from the lowest to the highest, most recent page in front
    limits: np.ndarray  # (segments,) int64: room in each


def init(capacity, n_pages, *, segments: Annotated[int, Ge(1), Le(250)] = 4):
    limits = np.full(segments, capacity // segments, np.int64)
    limits[0] += capacity % segments
    return State(new_queues(n_pages, segments), limits)


def on_hit(state, page, now):
    below = np.int64(state.segments.place[page])
    above = min(below + 1, len(state.limits) - 1)
    move(state.segments, above, page)
    if state.segments.sizes[above] > state.limits[above]:
        enter(state.segments, below, leave_last(state.segments, above))


def on_insert(state, page, now):
    # One of them has room: together they have room for the whole cache.
    segment = 0
    while state.segments.sizes[segment] == state.limits[segment]:
        segment += 1
    enter(state.segments, segment, page)


def evict(state, now):
    segment = 0
    while state.segments.sizes[segment] == 0:
        segment += 1
    return leave_last(state.segments, segment)
