"""Belady's MIN with bypass: as belady, but a missed page that is used later than every cached one stays out.

The most hits that any policy can reach which may also serve a page without caching it; among independent pages of equal
size. The missed page is one more candidate for MIN's rule, whose victim it then is at once.
"""

from __future__ import annotations

from .belady import State, init, on_hit, on_insert
from .belady import evict as belady_evict
from .structures.bit_tree import peek_highest_bit

__all__ = ["State", "admit", "evict", "init", "on_hit", "on_insert"]


def admit(state, page, now):
    following = state.next_use[now]
    if following == len(state.upcoming):
        return False
    return state.n_dead[0] > 0 or following < peek_highest_bit(state.bits, state.levels)


def evict(state, now):
    return belady_evict(state, now)
