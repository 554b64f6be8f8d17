"""LeCaR, learning cache replacement: evicts as LRU or as LFU, drawn by weights; a page that comes back soon after one
of them gave it up costs that one weight (Vietri et al., "Driving Cache Replacement with ML-based LeCaR", HotStorage
2018, algorithms 1 and 2).

Learning rate 0.45 and discount 0.005 ** (1 / capacity) per access are the paper's. As in the authors' code
(github.com/sylab/cacheus, lecar.py): a history of half the capacity for each expert, which keeps a page's count; a
victim that both experts name enters none; weights stay between 0.01 and 0.99. Deviation: of equally often used pages
LFU gives up the one that reached its count first, where that code goes by the page's number.
"""

from __future__ import annotations

from math import exp, log
from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Gt, Lt

from . import lfu
from .lfu import enter as lfu_enter
from .lfu import oldest_least, uses_of
from .lfu import on_hit as lfu_on_hit
from .lfu import remove as lfu_remove
from .structures.experts import LFU, LRU, blame, draw, new_weights
from .structures.queues import Queues, enter, last, leave, leave_last, move, new_queues
from .structures.xorshift import new_generator

_CACHED = 2  # queue of the cached pages; those of the histories are the numbers of the experts
_RECALLED = 254  # place of a page between its hit in a history and its entry
_USES, _AT = 0, 1


class State(NamedTuple):
    queues: Queues  # the two histories, and the cached pages in LRU order
    lfu: lfu.State  # the cached pages in LFU order
    left: (
        np.ndarray
    )  # (n_pages, 2) int64: of a page in a history or recalled: its uses, and the access at which it left
    room: np.ndarray  # (1,) int64: in each history
    weights: np.ndarray  # (2,) float64: of LRU and LFU
    rates: np.ndarray  # (2,) float64: learning rate, logarithm of the discount per access
    generator: np.ndarray  # (1,) uint64


def init(
    capacity,
    n_pages,
    seed,
    *,
    learning_rate: Annotated[float, Gt(0)] = 0.45,
    discount: Annotated[float, Gt(0), Lt(1)] = 0.005,
):
    """`discount`: what a page that comes back after `capacity` accesses costs, as a share of one that does at once."""
    return State(
        queues=new_queues(n_pages, 3),
        lfu=lfu.init(capacity, n_pages),
        left=np.zeros((n_pages, 2), np.int64),
        room=np.array([capacity // 2], np.int64),
        weights=new_weights(),
        rates=np.array([learning_rate, log(discount) / capacity]),
        generator=new_generator(seed),
    )


def on_hit(state, page, now):
    move(state.queues, _CACHED, page)
    lfu_on_hit(state.lfu, page, now)


def on_insert(state, page, now):
    admit(state, page, now)
    lfu_enter(state.lfu, page, state.left[page, _USES] + 1 if state.queues.place[page] == _RECALLED else 1)
    enter(state.queues, _CACHED, page)


def admit(state, page, now):
    """Everything enters; a page from a history first costs the expert that gave it up."""
    expert = state.queues.place[page]
    if expert in (LRU, LFU):
        leave(state.queues, page)
        state.queues.place[page] = _RECALLED
        blame(state.weights, expert, state.rates[0] * exp(state.rates[1] * (now - state.left[page, _AT])))
    return True


def evict(state, now):
    expert = draw(state.weights, state.generator)
    by_lru, by_lfu = last(state.queues, _CACHED), oldest_least(state.lfu)
    page = by_lru if expert == LRU else by_lfu
    uses = uses_of(state.lfu, page)
    leave(state.queues, page)
    lfu_remove(state.lfu, page)
    if by_lru != by_lfu and state.room[0] > 0:
        if state.queues.sizes[expert] == state.room[0]:
            leave_last(state.queues, expert)
        enter(state.queues, expert, page)
        state.left[page, _USES] = uses
        state.left[page, _AT] = now
    return page


def stats(state):
    """The weight of LRU at the end."""
    return {"lru_weight": float(state.weights[LRU])}
