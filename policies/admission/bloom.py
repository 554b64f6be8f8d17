"""Second hit: a page enters when it is seen for the second time, as most pages of many workloads never are (Maggs and
Sitaraman, "Algorithmic Nuggets in Content Delivery", ACM SIGCOMM CCR 45(3), 2015).

Two Bloom filters of `bits` bits an entry take turns: one takes the pages that are seen, until it has taken as many as
the cache holds; then the other one is emptied and goes on, and the first is still looked up. So a page is forgotten
after as many others as fit the cache once to twice. Every access counts as a sight, also of a cached page. A false
positive lets a page in at its first sight: about 3 % of them with 8 bits, 0.5 % with 16.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Interval

from ..structures.bloom import add_to_bloom, in_bloom, new_bloom
from .entries import entries

# Entries of State.turn.
_ROOM, _LEFT, _SEEN = 0, 1, 2


class State(NamedTuple):
    filters: np.ndarray  # (2, words) uint64: the one that pages are added to, and the one before it
    turn: np.ndarray  # (3,) int64: pages that a filter takes; that this one still takes; was the last page seen before?


def init(capacity, n_pages, page_bytes, byte_capacity, *, bits: Annotated[int, Interval(ge=1, le=64)] = 16):
    room = entries(capacity, n_pages, page_bytes, byte_capacity)
    return State(np.stack([new_bloom(room, bits)] * 2), np.array([room, room, 0], np.int64))


def on_access(state, page, now):
    recent, former = state.filters[0], state.filters[1]
    seen = add_to_bloom(recent, page)
    if not seen:
        state.turn[_LEFT] -= 1
        seen = in_bloom(former, page)
    state.turn[_SEEN] = seen
    if state.turn[_LEFT] == 0:
        state.turn[_LEFT] = state.turn[_ROOM]
        for word in range(len(recent)):  # not in one go: numba would allocate a copy
            former[word] = recent[word]
        recent[:] = 0


def admit(state, page, now):
    return state.turn[_SEEN] == 1
