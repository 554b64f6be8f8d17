"""Belady's MIN: the page whose next use lies farthest in the future leaves (Belady, "A study of replacement algorithms
for a virtual-storage computer", IBM Systems Journal 5(2), 1966). The most hits that any policy can reach which must
cache every missed page; among pages of equal size, independent or prefix.

The cached pages' next uses are distinct access numbers, so the farthest is the highest bit of a bit set.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .structures.bit_tree import add_bit, new_bit_tree, pop_highest_bit

# Looking a victim up in the trace costs a trip to main memory, far ahead of where the replay reads it. Most lowest
# words hold one bit, whose page fits beside it.
_NOT_LONE = np.uint32(0xFFFFFFFF)


class State(NamedTuple):
    upcoming: np.ndarray  # (accesses,) uint32: the page of each access
    next_use: np.ndarray  # (accesses,) int64: the access at which the same page comes next; accesses: never
    bits: np.ndarray  # (words,) uint64: bit tree over accesses: the next uses of the cached pages
    levels: np.ndarray  # (levels + 1,) int64: where each level of the tree starts
    lone: np.ndarray  # (accesses / 64,) uint32: the page behind the only bit of each lowest word, _NOT_LONE if unknown
    dead: np.ndarray  # (n_pages,) uint32: stack of cached pages that never come again
    n_dead: np.ndarray  # (1,) int64


def init(capacity, n_pages, future):
    bits, levels = new_bit_tree(len(future.pages))
    dead = np.zeros(n_pages, np.uint32)
    lone = np.full(len(bits), _NOT_LONE)
    return State(future.pages, future.next_use, bits, levels, lone, dead, np.zeros(1, np.int64))


def on_hit(state, page, now):
    # The bit of this very access may stay: it is below every other, so it is never the highest.
    _expect(state, page, now)


def on_insert(state, page, now):
    _expect(state, page, now)


def evict(state, now):
    if state.n_dead[0] > 0:
        state.n_dead[0] -= 1
        return state.dead[state.n_dead[0]]
    farthest = pop_highest_bit(state.bits, state.levels)
    page = state.lone[farthest >> 6]
    return page if page != _NOT_LONE else state.upcoming[farthest]


def _expect(state, page, now):
    following = state.next_use[now]
    if following == len(state.upcoming):
        state.dead[state.n_dead[0]] = page
        state.n_dead[0] += 1
    elif add_bit(state.bits, state.levels, following):
        state.lone[following >> 6] = page
    else:
        state.lone[following >> 6] = _NOT_LONE
