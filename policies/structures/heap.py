"""A binary min-heap of pages by an int64 key, in arrays that the caller allocates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Heap(NamedTuple):
    keys: np.ndarray  # (room,) int64
    pages: np.ndarray  # (room,) uint32
    size: np.ndarray  # (1,) int64


def new_heap(room: int) -> Heap:
    return Heap(np.zeros(room, np.int64), np.zeros(room, np.uint32), np.zeros(1, np.int64))


def push_heap(heap, key, page):
    at = heap.size[0]
    heap.size[0] = at + 1
    while at > 0 and heap.keys[(at - 1) >> 1] > key:
        above = (at - 1) >> 1
        heap.keys[at] = heap.keys[above]
        heap.pages[at] = heap.pages[above]
        at = above
    heap.keys[at] = key
    heap.pages[at] = page


def pop_heap(heap):
    """Remove and return the page of the least key; the heap must not be empty."""
    page = heap.pages[0]
    last = heap.size[0] - 1
    heap.size[0] = last
    replace_least(heap, heap.keys[last], heap.pages[last])
    return page


def replace_least(heap, key, page):
    """Put `page` into the place of the least, and it and others where they belong."""
    size = heap.size[0]
    at = 0
    below = 1
    while below < size:
        if below + 1 < size and heap.keys[below + 1] < heap.keys[below]:
            below += 1
        if heap.keys[below] >= key:
            break
        heap.keys[at] = heap.keys[below]
        heap.pages[at] = heap.pages[below]
        at = below
        below = 2 * at + 1
    heap.keys[at] = key
    heap.pages[at] = page
