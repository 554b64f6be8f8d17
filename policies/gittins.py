"""Gittins: the page leaves that promises the fewest hits per unit of time that it would have to be kept.

A policy of this project's own. What a page is worth depends on how often it was used and on its age, the time since
its last use: people and agents take their time between two turns, so the chance of a use is small at first, grows, and
fades again. Pages are classed by the number of their uses, in doublings. From the ages at which pages of a class
were used again, and from how many reached each age without a use, whether cached or not, follows the chance of a use
at every age. The index of a page of age a is

    max over t > a of  P(used before t | not used before a) / E[time until t or the use | not used before a],

the best rate of hits that keeping it can buy: the Gittins index of a page that pays once (Gittins, "Bandit processes
and dynamic allocation indices", J. R. Statist. Soc. B 41, 1979; LHD's hit density is that rate for the t at
which pages happen to be evicted). It rises to the age at which uses are likeliest and falls behind it, so the page with
the least index in a class is its youngest or its oldest: a class is a list in order of use, and a victim is sought at
both ends of each.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .structures.bit_tree import highest_bit
from .structures.linked_list import NEXT, PREVIOUS
from .structures.queues import Queues, enter, leave, move, new_queues

_CLASSES = 8  # doublings of the number of uses: 1, 2 to 3, 4 to 7, ..., 128 and more
_SLOTS = 4096  # ages that are told apart; a page that grows older is not expected back
_SLOTS_PER_CAPACITY = 16  # a slot is the unit of age
_SINGLE, _PER_OCTAVE = 8, 4  # bins of one slot each, and bins for each doubling of the age beyond
_LEAST_PERIOD = 1024  # accesses between computations of the index; the capacity if that is more
_FADING = 0.97  # of the counts, with every computation: traffic changes
# Before anything is known the chance of a use at age a is _PRIOR / (1 + a), which ranks as LRU does. It weighs as one
# page.
_PRIOR = 0.5

# Entries of `clock`.
_SLOT, _WIDTH, _REST, _PERIOD = 0, 1, 2, 3


class State(NamedTuple):
    queues: Queues  # the cached pages of each class, the last used in front
    last_use: np.ndarray  # (n_pages,) int64: access number, or -1
    uses: np.ndarray  # (n_pages,) uint8: up to 2**(_CLASSES - 1)
    waiting: np.ndarray  # (_SLOTS, _CLASSES) int64: pages of each class last used in each slot, a ring
    used: np.ndarray  # (_CLASSES, bins) float64, fading: uses at ages within each bin
    reached: np.ndarray  # (_CLASSES, bins) float64, fading: pages that grew into each bin without a use
    worth: np.ndarray  # (_CLASSES, bins) float64: the index
    bins: np.ndarray  # (_SLOTS,) uint8: the bin of each age
    edges: np.ndarray  # (bins + 1,) int64: the first age of each bin
    clock: (
        np.ndarray
    )  # (4,) int64: the current slot, accesses in a slot, accesses until the next computation, and between


def init(capacity, n_pages):
    edges = _bin_edges()
    shape = _CLASSES, len(edges) - 1
    places = min(capacity, n_pages)
    period = max(places, _LEAST_PERIOD)
    state = State(
        queues=new_queues(n_pages, _CLASSES),
        last_use=np.full(n_pages, -1, np.int64),
        uses=np.zeros(n_pages, np.uint8),
        waiting=np.zeros((_SLOTS, _CLASSES), np.int64),
        used=np.zeros(shape),
        reached=np.zeros(shape),
        worth=np.zeros(shape),
        bins=np.repeat(np.arange(shape[1]), np.diff(edges)).astype(np.uint8),
        edges=edges,
        clock=np.array([0, max(places // _SLOTS_PER_CAPACITY, 1), period, period], np.int64),
    )
    _compute_index(state)
    return state


def on_hit(state, page, now):
    _note_use(state, page, now)
    move(state.queues, _class(state, page), page)


def on_insert(state, page, now):
    _note_use(state, page, now)
    enter(state.queues, _class(state, page), page)


def evict(state, now):
    links, n_pages = state.queues.links, len(state.last_use)
    least, victim = np.inf, links[0, NEXT]
    for queue in range(_CLASSES):
        if state.queues.sizes[queue] > 0:
            for end in (PREVIOUS, NEXT):
                page = links[n_pages + queue, end]
                index = state.worth[queue, _bin(state, page, now)]
                if index < least:
                    least, victim = index, page
    leave(state.queues, victim)
    return victim


def _note_use(state, page, now):
    before = state.last_use[page]
    if before == now:  # told twice: it was given up while it was in use
        return
    _move_clock(state, now)
    slot, width = state.clock[_SLOT], state.clock[_WIDTH]
    if before >= 0 and slot - before // width < _SLOTS:
        state.used[_class(state, page), _bin(state, page, now)] += 1
        state.waiting[before // width % _SLOTS, _class(state, page)] -= 1
    state.uses[page] = min(state.uses[page] + 1, 1 << (_CLASSES - 1))
    state.last_use[page] = now
    state.waiting[now // width % _SLOTS, _class(state, page)] += 1
    state.reached[_class(state, page), 0] += 1


def _move_clock(state, now):
    """Start the slots up to that of `now`, and count the pages that grow into another bin."""
    clock = state.clock
    while clock[_SLOT] < now // clock[_WIDTH]:
        clock[_SLOT] += 1
        for b in range(1, len(state.edges) - 1):
            grown = clock[_SLOT] - state.edges[b]
            if grown < 0:
                break
            for c in range(_CLASSES):
                state.reached[c, b] += state.waiting[grown % _SLOTS, c]
        state.waiting[clock[_SLOT] % _SLOTS] = 0
    clock[_REST] -= 1
    if clock[_REST] == 0:
        clock[_REST] = clock[_PERIOD]
        _compute_index(state)


def _compute_index(state):
    edges = state.edges
    for c in range(_CLASSES):
        for a in range(len(edges) - 1):
            best, left, hits, time = 0.0, 1.0, 0.0, 0.0
            for b in range(a, len(edges) - 1):
                width = edges[b + 1] - edges[b]
                prior = _PRIOR * width / (1 + edges[b])
                chance = min((state.used[c, b] + prior) / (state.reached[c, b] + 1), 1.0)
                time += left * (1.0 - chance / 2.0) * width  # a use comes in the middle of its bin
                hits += left * chance
                left *= 1.0 - chance
                best = max(best, hits / time)
            state.worth[c, a] = best
        for b in range(len(edges) - 1):
            state.used[c, b] *= _FADING
            state.reached[c, b] *= _FADING


def _class(state, page):
    return highest_bit(np.uint64(state.uses[page]))


def _bin(state, page, now):
    age = now // state.clock[_WIDTH] - state.last_use[page] // state.clock[_WIDTH]
    return state.bins[min(age, _SLOTS - 1)]


def _bin_edges():
    edges = list(range(_SINGLE))
    while edges[-1] < _SLOTS:
        edges.append(edges[-1] + max((1 << (edges[-1].bit_length() - 1)) // _PER_OCTAVE if edges[-1] else 1, 1))
    return np.array(edges, np.int64)
