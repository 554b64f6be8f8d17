"""SIEVE: a FIFO queue whose hand spares visited pages where they stand (Zhang et al., "SIEVE is Simpler than LRU",
NSDI 2024, Algorithm 1). New pages enter in front, unvisited; the hand moves from back to front and wraps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .structures.linked_list import PREVIOUS, new_lists, push_front, unlink

SIZED = True


class State(NamedTuple):
    links: np.ndarray  # (n_pages + 1, 2) uint32: the queue, newest page in front; the last row is its head
    visited: np.ndarray  # (n_pages,) uint8
    hand: np.ndarray  # (1,) uint32: the next page to look at; the head stands for the back of the queue


def init(capacity, n_pages):
    return State(new_lists(n_pages, 1), np.zeros(n_pages, np.uint8), np.full(1, n_pages, np.uint32))


def on_hit(state, page, now):
    state.visited[page] = 1


def on_insert(state, page, now):
    state.visited[page] = 0
    push_front(state.links, len(state.links) - 1, page)


def evict(state, now):
    head = len(state.links) - 1
    page = state.hand[0]
    while page == head or state.visited[page]:
        if page != head:
            state.visited[page] = 0
        page = state.links[page, PREVIOUS]
    state.hand[0] = state.links[page, PREVIOUS]
    unlink(state.links, page)
    return page
