"""LFU, least frequently used: the page with the fewest uses since it entered leaves.

Counts live only while the page is cached and start at 1; among equals the one that reached its count first
leaves (as in libCacheSim). Constant time: Shah, Mitra and Matani, "An O(1) algorithm for implementing the LFU
cache eviction scheme", 2010.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .structures.linked_list import NEXT, PREVIOUS, is_empty, new_lists, pop_back, push_front, unlink

SIZED = True


class State(NamedTuple):
    links: np.ndarray  # (n_pages + buckets, 2) uint32: a list of pages per bucket, its head at row n_pages + bucket
    bucket: np.ndarray  # (n_pages,) uint32: the bucket of each cached page
    order: np.ndarray  # (buckets, 2) uint32: the buckets by rising count, a list with bucket 0 as its head
    uses: np.ndarray  # (buckets,) int64: how often every page of the bucket was used
    unused: np.ndarray  # (buckets,) uint32: stack of unused buckets, its height in entry 0


def init(capacity, n_pages):
    # One bucket per cached page at most, the head, and one that fills before the one it came from empties.
    buckets = min(capacity, n_pages) + 2
    unused = np.arange(buckets, dtype=np.uint32)
    unused[0] = buckets - 1
    return State(
        links=new_lists(n_pages, buckets),
        bucket=np.zeros(n_pages, np.uint32),
        order=np.zeros((buckets, 2), np.uint32),
        uses=np.zeros(buckets, np.int64),
        unused=unused,
    )


def on_hit(state, page, now):
    bucket = state.bucket[page]
    unlink(state.links, page)
    _enter(state, page, bucket, state.uses[bucket] + 1)
    _retire_if_empty(state, bucket)


def on_insert(state, page, now):
    _enter(state, page, 0, 1)


def evict(state, now):
    least = state.order[0, NEXT]
    victim = pop_back(state.links, len(state.bucket) + least)
    _retire_if_empty(state, least)
    return victim


def remove(state, page):
    unlink(state.links, page)
    _retire_if_empty(state, state.bucket[page])


def enter(state, page, count):
    """Insert `page` as one of `count` uses; takes a step for each lower count that any page has."""
    lower = np.uint32(0)
    following = state.order[lower, NEXT]
    while following != 0 and state.uses[following] < count:
        lower = following
        following = state.order[lower, NEXT]
    _enter(state, page, lower, count)


def uses_of(state, page):
    return state.uses[state.bucket[page]]


def oldest_least(state):
    """Of the pages of the fewest uses the one that reached their number first: evict()'s next."""
    return state.links[len(state.bucket) + state.order[0, NEXT], PREVIOUS]


def newest_least(state):
    """Of the pages of the fewest uses the one that reached their number last."""
    return state.links[len(state.bucket) + state.order[0, NEXT], NEXT]


def _enter(state, page, lower, count):
    """Put `page` into the bucket of `count`, which belongs right behind the bucket `lower`."""
    bucket = state.order[lower, NEXT]
    if bucket == 0 or state.uses[bucket] != count:
        height = state.unused[0]
        bucket = state.unused[height]
        state.unused[0] = height - 1
        state.uses[bucket] = count
        after = state.order[lower, NEXT]
        state.order[bucket, PREVIOUS] = lower
        state.order[bucket, NEXT] = after
        state.order[lower, NEXT] = bucket
        state.order[after, PREVIOUS] = bucket
    state.bucket[page] = bucket
    push_front(state.links, len(state.bucket) + bucket, page)


def _retire_if_empty(state, bucket):
    if is_empty(state.links, len(state.bucket) + bucket):
        unlink(state.order, bucket)
        height = state.unused[0] + 1
        state.unused[height] = bucket
        state.unused[0] = height
