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
    for head in range(n_pages, n_pages + n_heads):
        links[head] = head
    return links


def push_front(links, head, page):
    first = links[head, NEXT]
    links[page, PREVIOUS] = head
    links[page, NEXT] = first
    links[first, PREVIOUS] = page
    links[head, NEXT] = page


def push_back(links, head, page):
    last = links[head, PREVIOUS]
    links[page, NEXT] = head
    links[page, PREVIOUS] = last
    links[last, NEXT] = page
    links[head, PREVIOUS] = page


def unlink(links, page):
    before = links[page, PREVIOUS]
    after = links[page, NEXT]
    links[before, NEXT] = after
    links[after, PREVIOUS] = before


def pop_back(links, head):
    """Remove and return the page at the back; the list must not be empty."""
    page = links[head, PREVIOUS]
    before = links[page, PREVIOUS]
    links[before, NEXT] = head
    links[head, PREVIOUS] = before
    return page


def is_empty(links, head):
    return links[head, NEXT] == head
