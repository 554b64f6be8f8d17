"""Circular doubly linked lists of pages, all within one (n, 2) uint32 array, so that a node is one cache line away.

Row p holds page p's neighbours. Rows behind the pages are list heads: `head` is an index into the same array.
A page is in at most one of the lists that share an array. Front is where pages enter, back is where they leave.
"""

from __future__ import annotations

import numpy as np

NEXT = 0  # towards the back
PREVIOUS = 1  # towards the front


def new_lists(n_pages: int, n_heads: int) -> np.ndarray:
    """(n_pages + n_heads, 2) uint32 links; row n_pages + i is the head of the i-th, empty list."""
    links = np.zeros((n_pages + n_heads, 2), np.uint32)
    links[n_pages:] = np.arange(n_pages, n_pages + n_heads, dtype=np.uint32)[:, np.newaxis]
    return links


# Rows are looked up in the flat array: compiled code then knows at which distance they lie (the length of a row is no
# constant to it) and needs no multiplication per step. Worth 10 % of LRU.


def push_front(links, head, page):
    flat, at_head, at = links.flat, _row(head), _row(page)
    first = flat[at_head + NEXT]
    flat[at + PREVIOUS] = head
    flat[at + NEXT] = first
    flat[_row(first) + PREVIOUS] = page
    flat[at_head + NEXT] = page


def push_back(links, head, page):
    flat, at_head, at = links.flat, _row(head), _row(page)
    last = flat[at_head + PREVIOUS]
    flat[at + NEXT] = head
    flat[at + PREVIOUS] = last
    flat[_row(last) + NEXT] = page
    flat[at_head + PREVIOUS] = page


def unlink(links, page):
    flat, at = links.flat, _row(page)
    before = flat[at + PREVIOUS]
    after = flat[at + NEXT]
    flat[_row(before) + NEXT] = after
    flat[_row(after) + PREVIOUS] = before


def pop_back(links, head):
    """Remove and return the page at the back; the list must not be empty."""
    flat, at_head = links.flat, _row(head)
    page = flat[at_head + PREVIOUS]
    before = flat[_row(page) + PREVIOUS]
    flat[_row(before) + NEXT] = head
    flat[at_head + PREVIOUS] = before
    return page


def is_empty(links, head):
    return links[head, NEXT] == head


def _row(node):
    return np.int64(node) * 2
