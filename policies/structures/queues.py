"""Several queues of pages that know which of them each page is in and how long they are.

A page is in at most one of them; `NOWHERE` is its place otherwise. They are linked lists: front is where pages enter.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .linked_list import PREVIOUS, new_lists, pop_back, push_front, unlink

NOWHERE = 255


class Queues(NamedTuple):
    links: np.ndarray  # (n_pages + queues, 2) uint32
    place: np.ndarray  # (n_pages,) uint8: the queue that each page is in, or NOWHERE
    sizes: np.ndarray  # (queues,) int64: pages in each


def new_queues(n_pages: int, n_queues: int) -> Queues:
    """`n_queues` empty queues, at most 250."""
    return Queues(new_lists(n_pages, n_queues), np.full(n_pages, NOWHERE, np.uint8), np.zeros(n_queues, np.int64))


def enter(queues, queue, page):
    """Put a page that is in none of them at the front of `queue`."""
    push_front(queues.links, _head(queues, queue), page)
    queues.place[page] = queue
    queues.sizes[queue] += 1


def leave(queues, page):
    """Take `page` out of the queue it is in."""
    unlink(queues.links, page)
    queues.sizes[queues.place[page]] -= 1
    queues.place[page] = NOWHERE


def last(queues, queue):
    """The page at the back of `queue`, which must not be empty."""
    return queues.links[_head(queues, queue), PREVIOUS]


def leave_last(queues, queue):
    """Take the page at the back out of `queue`, which must not be empty, and return it."""
    page = pop_back(queues.links, _head(queues, queue))
    queues.place[page] = NOWHERE
    queues.sizes[queue] -= 1
    return page


def move(queues, queue, page):
    """Move `page` from the queue it is in to the front of `queue`."""
    unlink(queues.links, page)
    push_front(queues.links, _head(queues, queue), page)
    before = queues.place[page]
    if before != queue:
        queues.place[page] = queue
        queues.sizes[before] -= 1
        queues.sizes[queue] += 1


def _head(queues, queue):
    return np.uint32(len(queues.place) + queue)
