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
from .structures.queues import Queues, enter, last, leave, leave_last, move, new_queues
from .structures.xorshift import new_generator, random_fraction

LRU, LFU = 0, 1
_CACHED = 2  # queue of the cached pages; those of the histories are the numbers of the experts
_RECALLED = 254  # place of a page between its hit in a history and its entry
_LEAST_WEIGHT = 0.01


class State(NamedTuple):
    queues: Queues  # the two histories, and the cached pages in LRU order
    lfu: lfu.State  # the cached pages in LFU order
    uses: np.ndarray  # (n_pages,) int64: uses of a page in a history; 0 elsewhere
    evicted_at: np.ndarray  # (n_pages,) int64: access number, of a page in a history
    room: np.ndarray  # (1,) int64: in each history
    weights: np.ndarray  # (2,) float64: of LRU and LFU, together 1
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
        uses=np.zeros(n_pages, np.int64),
        evicted_at=np.zeros(n_pages, np.int64),
        room=np.array([capacity // 2], np.int64),
        weights=np.array([0.5, 0.5]),
        rates=np.array([learning_rate, log(discount) / capacity]),
        generator=new_generator(seed),
    )


def on_hit(state, page, now):
    move(state.queues, _CACHED, page)
    lfu_on_hit(state.lfu, page, now)


def on_insert(state, page, now):
    admit(state, page, now)
    enter(state.queues, _CACHED, page)
    lfu_enter(state.lfu, page, state.uses[page] + 1)
    state.uses[page] = 0


def admit(state, page, now):
    """Everything enters; a page from a history first costs the expert that gave it up."""
    expert = state.queues.place[page]
    if expert in (LRU, LFU):
        leave(state.queues, page)
        state.queues.place[page] = _RECALLED
        blame(state.weights, expert, state.rates[0] * exp(state.rates[1] * (now - state.evicted_at[page])))
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
            state.uses[leave_last(state.queues, expert)] = 0
        enter(state.queues, expert, page)
        state.uses[page] = uses
        state.evicted_at[page] = now
    return page


def draw(weights, generator):
    """LRU or LFU, at random by weight."""
    return LRU if random_fraction(generator) < weights[LRU] else LFU


def blame(weights, expert, loss):
    """Multiply the weight of `expert` by e ** -loss; the weights stay 1 together and above _LEAST_WEIGHT."""
    weights[expert] *= exp(-loss)
    share = weights[LRU] / (weights[LRU] + weights[LFU])
    share = min(max(share, _LEAST_WEIGHT), 1.0 - _LEAST_WEIGHT)
    weights[LRU] = share
    weights[LFU] = 1.0 - share
