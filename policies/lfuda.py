"""LFUDA, LFU with dynamic ageing: the page of the least key leaves, its uses since it entered plus the cache's age when
it was last used; the age is the key of the page that left last (Arlitt, Cherkasova, Dilley, Friedrich and Jin,
"Evaluating content management techniques for web proxy caches", ACM SIGMETRICS Performance Evaluation Review 27(4),
2000). So pages that were popular once give way to those that are popular now.

Among equal keys the page that reached its key first leaves. Keys never fall below the age, which lets a radix heap
hold them: Ahuja, Mehlhorn, Orlin and Tarjan, "Faster algorithms for the shortest path problem", JACM 37(2), 1990.
libCacheSim's LFUDA is another policy: a hit adds the age to the count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .structures.bit_tree import highest_bit
from .structures.linked_list import NEXT, is_empty, new_lists, pop_back, push_front, unlink

SIZED = True
USES, _KEY = 0, 1


class State(NamedTuple):
    links: np.ndarray  # (n_pages + 65, 2) uint32: list 0 for keys equal to the age, list i for those that differ from
    # it in bit i - 1 and no higher one; the oldest at the back
    counts: np.ndarray  # (n_pages, 2) int64: uses and key of each cached page
    age: np.ndarray  # (1,) int64


def init(capacity, n_pages):
    return State(new_lists(n_pages, 65), np.zeros((n_pages, 2), np.int64), np.zeros(1, np.int64))


def on_hit(state, page, now):
    unlink(state.links, page)
    uses = state.counts[page, USES] + 1
    enter(state, page, uses, uses + state.age[0])


def on_insert(state, page, now):
    enter(state, page, 1, 1 + state.age[0])


def evict(state, now):
    least = 0
    while is_empty(state.links, _head(state, least)):
        least += 1
    if least > 0:
        _advance(state, _head(state, least))
    return pop_back(state.links, _head(state, 0))


def enter(state, page, uses, key):
    state.counts[page, USES] = uses
    state.counts[page, _KEY] = key
    push_front(state.links, _list_of(state, key), page)


def _advance(state, head):
    """Raise the age to the least key in the list, whose pages then all belong into lower ones."""
    first = state.links[head, NEXT]
    least = state.counts[first, _KEY]
    page = state.links[first, NEXT]
    while page != head:
        least = min(least, state.counts[page, _KEY])
        page = state.links[page, NEXT]
    state.age[0] = least
    while not is_empty(state.links, head):
        page = pop_back(state.links, head)
        push_front(state.links, _list_of(state, state.counts[page, _KEY]), page)


def _list_of(state, key):
    differing = key ^ state.age[0]
    return _head(state, 0 if differing == 0 else highest_bit(np.uint64(differing)) + 1)


def _head(state, number):
    return np.uint32(len(state.counts) + number)
