"""Belady's MIN with bypass: as belady, but a missed page that is used later than every cached one is not cached at all.

The most hits that any policy can reach which may also serve a page without caching it, among independent pages of
equal size (McFarling, "Cache replacement with dynamic exclusion", ISCA 1992, calls it optimal direct exclusion; Mattson
et al., "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2), 1970, prove the rule it refines).
"""

from __future__ import annotations

from .belady import State, evict, init, on_hit, on_insert
from .structures.bit_tree import peek_highest_bit

__all__ = ["State", "admit", "evict", "init", "on_hit", "on_insert"]


def admit(state, page, now):
    following = state.next_use[now]
    if following == len(state.upcoming):
        return False
    return state.n_dead[0] > 0 or following < peek_highest_bit(state.bits, state.levels)
