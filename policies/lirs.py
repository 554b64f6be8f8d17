"""LIRS, low inter-reference recency set: pages that came back soon after their former use stay, the others pass through
a short queue (Jiang and Zhang, "LIRS: An Efficient Low Inter-reference Recency Set Replacement Policy to Improve Buffer
Cache Performance", SIGMETRICS 2002, section 3).

Stack S holds LIR pages, which are cached and never leave directly, and HIR pages that were used since the coldest LIR
page was; queue Q holds the cached HIR pages. 1 % of the capacity is for HIR pages, as in the paper, at least one page.
As there, S remembers pages that left for as long as they are hotter than the coldest LIR page; libCacheSim's and the
CACHEUS authors' LIRS forget them above 2 x capacity. Pruning costs O(1) per access.
Deviation: where Q is empty, which the paper rules out, the coldest LIR page leaves.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Gt, Lt

from .structures.linked_list import PREVIOUS, is_empty, new_lists, pop_back, push_front, unlink

# Where a page is: LIR pages in S; cached HIR pages in S and Q, or pruned from S; remembered ones in S only.
_NOWHERE, _LIR, _HIR, _HIR_PRUNED, _REMEMBERED = 0, 1, 2, 3, 4


class State(NamedTuple):
    stack: np.ndarray  # (n_pages + 1, 2) uint32: S, most recent page in front; its last page is LIR
    queue: np.ndarray  # (n_pages + 1, 2) uint32: Q, newest page in front
    status: np.ndarray  # (n_pages,) uint8
    lir: np.ndarray  # (2,) int64: LIR pages, room for them


def init(capacity, n_pages, *, hir: Annotated[float, Gt(0), Lt(1)] = 0.01):
    room = max(capacity - max(int(capacity * hir), 1), 1)
    return State(
        new_lists(n_pages, 1), new_lists(n_pages, 1), np.zeros(n_pages, np.uint8), np.array([0, room], np.int64)
    )


def on_hit(state, page, now):
    status = state.status[page]
    if status == _HIR_PRUNED:
        unlink(state.queue, page)
        _become_hir(state, page)
        return
    unlink(state.stack, page)
    if status == _HIR:
        unlink(state.queue, page)
        _become_lir(state, page)
    else:
        push_front(state.stack, _head(state), page)
        _prune(state)


def on_insert(state, page, now):
    remembered = state.status[page] == _REMEMBERED
    if remembered:
        unlink(state.stack, page)
    if remembered or state.lir[0] < state.lir[1]:
        _become_lir(state, page)
    else:
        _become_hir(state, page)


def evict(state, now):
    if is_empty(state.queue, _head(state)):
        page = pop_back(state.stack, _head(state))
        state.status[page] = _NOWHERE
        state.lir[0] -= 1
        _prune(state)
        return page
    page = pop_back(state.queue, _head(state))
    state.status[page] = _REMEMBERED if state.status[page] == _HIR else _NOWHERE
    return page


def _become_lir(state, page):
    """Put `page` on top of S; where that makes one LIR page too many, the coldest goes to Q."""
    push_front(state.stack, _head(state), page)
    state.status[page] = _LIR
    state.lir[0] += 1
    if state.lir[0] > state.lir[1]:
        coldest = pop_back(state.stack, _head(state))
        state.status[coldest] = _HIR_PRUNED
        push_front(state.queue, _head(state), coldest)
        state.lir[0] -= 1
    _prune(state)


def _become_hir(state, page):
    push_front(state.stack, _head(state), page)
    push_front(state.queue, _head(state), page)
    state.status[page] = _HIR


def _prune(state):
    """Remove pages from the bottom of S until one is LIR."""
    while True:
        page = state.stack[_head(state), PREVIOUS]
        if page == _head(state) or state.status[page] == _LIR:
            return
        unlink(state.stack, page)
        state.status[page] = _HIR_PRUNED if state.status[page] == _HIR else _NOWHERE


def _head(state):
    return len(state.status)
