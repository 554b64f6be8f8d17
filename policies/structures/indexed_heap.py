"""A binary min-heap that knows where each page is, so that its key may change, in arrays that the caller allocates.

Keys are pairs of int64: the first decides, the second among equals. Positive floats are ordered as their bits are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class IndexedHeap(NamedTuple):
    keys: np.ndarray  # (room, 2) int64
    pages: np.ndarray  # (room,) uint32
    place: np.ndarray  # (n_pages,) uint32: where each page of the heap is
    size: np.ndarray  # (1,) int64


def new_indexed_heap(room: int, n_pages: int) -> IndexedHeap:
    return IndexedHeap(
        keys=np.zeros((room, 2), np.int64),
        pages=np.zeros(room, np.uint32),
        place=np.zeros(n_pages, np.uint32),
        size=np.zeros(1, np.int64),
    )


def add(heap, page, key, tie):
    """Insert a page that is not in the heap."""
    at = heap.size[0]
    heap.size[0] = at + 1
    _rise(heap, at, page, key, tie)


def change(heap, page, key, tie):
    """Give a page of the heap another key."""
    at = np.int64(heap.place[page])
    if _less(key, tie, heap.keys[at, 0], heap.keys[at, 1]):
        _rise(heap, at, page, key, tie)
    else:
        _sink(heap, at, page, key, tie)


def pop(heap):
    """Remove and return the page of the least key; the heap must not be empty."""
    page = heap.pages[0]
    last = heap.size[0] - 1
    heap.size[0] = last
    _sink(heap, 0, heap.pages[last], heap.keys[last, 0], heap.keys[last, 1])
    return page


def restore(heap):
    """Make a heap of it again, after any of its keys were overwritten."""
    for at in range((heap.size[0] >> 1) - 1, -1, -1):
        _sink(heap, at, heap.pages[at], heap.keys[at, 0], heap.keys[at, 1])


def _rise(heap, at, page, key, tie):
    keys = heap.keys
    while at > 0:
        above = (at - 1) >> 1
        if not _less(key, tie, keys[above, 0], keys[above, 1]):
            break
        _put(heap, at, heap.pages[above], keys[above, 0], keys[above, 1])
        at = above
    _put(heap, at, page, key, tie)


def _sink(heap, at, page, key, tie):
    keys, size = heap.keys, heap.size[0]
    below = 2 * at + 1
    while below < size:
        if below + 1 < size and _less(keys[below + 1, 0], keys[below + 1, 1], keys[below, 0], keys[below, 1]):
            below += 1
        if not _less(keys[below, 0], keys[below, 1], key, tie):
            break
        _put(heap, at, heap.pages[below], keys[below, 0], keys[below, 1])
        at = below
        below = 2 * at + 1
    _put(heap, at, page, key, tie)


def _put(heap, at, page, key, tie):
    heap.keys[at, 0] = key
    heap.keys[at, 1] = tie
    heap.pages[at] = page
    heap.place[page] = at


def _less(key, tie, other_key, other_tie):
    return key < other_key or (key == other_key and tie < other_tie)
