"""MRU, most recently used: the page that was used last leaves.

As good as it gets on loops over more pages than fit, where Chou and DeWitt ("An evaluation of buffer management
strategies for relational database systems", VLDB 1985) use it; bad almost everywhere else.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .structures.linked_list import new_lists, pop_back, push_back, unlink

SIZED = True
SCALES = False  # only its newest page ever changes, however large the cache


class State(NamedTuple):
    links: np.ndarray  # (n_pages + 1, 2) uint32: one list, most recent page at the back; the last row is its head


def init(capacity, n_pages):
    return State(new_lists(n_pages, 1))


def on_hit(state, page, now):
    unlink(state.links, page)
    push_back(state.links, _head(state), page)


def on_insert(state, page, now):
    push_back(state.links, _head(state), page)


def evict(state, now):
    return pop_back(state.links, _head(state))


def _head(state):
    return np.uint32(len(state.links) - 1)
