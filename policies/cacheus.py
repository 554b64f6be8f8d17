"""CACHEUS: evicts as a scan-resistant LRU or as a churn-resistant LFU, drawn by weights that it learns at a rate that
it learns too (Rodriguez et al., "Learning Cache Replacement with CACHEUS", FAST 2021).

SR-LRU parts the cache into S, pages that were used again, and Q, new and demoted ones, whose oldest leaves. S yields to
Q when a page that was new comes back from LRU's history, and grows when a demoted page is hit. CR-LFU gives up the
page of the fewest uses, the most recent one among equals. A page that comes back costs the expert that gave it up
weight; the learning rate moves every `capacity` accesses, on in the direction that raised the page hit ratio.

Open points as in the authors' code (github.com/sylab/cacheus, cacheus.py): Q starts with 1 %, a history has half the
capacity and keeps a page's count, a victim that both experts name enters none, weights stay between 0.01 and 0.99.
Deviations from that code: the learning rate follows the paper's rule, which is simpler, from a random start, as in
libCacheSim; its period ends after an access, not before one; the use that brings a page back from a history counts;
and S has room for at least one page.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import lfu
from .lfu import enter as lfu_enter
from .lfu import newest_least, uses_of
from .lfu import on_hit as lfu_on_hit
from .lfu import remove as lfu_remove
from .structures.experts import LFU, LRU, LearningRate, blame, draw, learn, new_learning_rate, new_weights, rate_of
from .structures.queues import Queues, enter, last, leave, leave_last, move, new_queues
from .structures.xorshift import new_generator

_S, _Q = 2, 3  # queues; those of the histories are the numbers of the experts
_RECALLED = 254  # place of a page between its hit in a history and its entry
_Q_SHARE = 0.01
# Entries of the arrays below.
_NEW, _DEMOTED = 0, 1
_CAPACITY, _S_ROOM, _HISTORY_ROOM = 0, 1, 2


class State(NamedTuple):
    queues: Queues  # the two histories, S and Q
    lfu: lfu.State  # the cached pages in LFU order
    uses: np.ndarray  # (n_pages,) int64: of a page in a history or recalled
    new: np.ndarray  # (n_pages,) uint8: whether a page, cached or in LRU's history, was unknown when it entered
    demoted: np.ndarray  # (n_pages,) uint8: whether a page of Q was in S before
    tallies: np.ndarray  # (2,) int64: new pages in LRU's history, demoted pages in Q
    sizes: np.ndarray  # (3,) int64: capacity, room in S, room in each history
    evicted: np.ndarray  # (1,) uint8: whether anything was ever evicted
    weights: np.ndarray  # (2,) float64: of LRU and LFU
    learning: LearningRate
    generator: np.ndarray  # (1,) uint64


def init(capacity, n_pages, seed):
    generator = new_generator(seed)
    s_room = max(capacity - max(int(capacity * _Q_SHARE + 0.5), 1), 1)
    return State(
        queues=new_queues(n_pages, 4),
        lfu=lfu.init(capacity, n_pages),
        uses=np.zeros(n_pages, np.int64),
        new=np.zeros(n_pages, np.uint8),
        demoted=np.zeros(n_pages, np.uint8),
        tallies=np.zeros(2, np.int64),
        sizes=np.array([capacity, s_room, capacity // 2], np.int64),
        evicted=np.zeros(1, np.uint8),
        weights=new_weights(),
        learning=new_learning_rate(capacity, generator),
        generator=generator,
    )


def on_hit(state, page, now):
    if state.queues.place[page] == _Q:
        if state.demoted[page]:
            _resize_s(state, _step(state.tallies[_NEW], state.tallies[_DEMOTED]))
            _clear_demoted(state, page)
        leave(state.queues, page)
        if state.queues.sizes[_S] >= state.sizes[_S_ROOM]:
            _demote(state)
        enter(state.queues, _S, page)
    else:
        move(state.queues, _S, page)
    lfu_on_hit(state.lfu, page, now)
    learn(state.learning, 1, state.generator)


def on_insert(state, page, now):
    admit(state, page, now)
    sizes, s_room = state.queues.sizes, state.sizes[_S_ROOM]
    known = state.queues.place[page] == _RECALLED
    filling = state.evicted[0] == 0
    starts_in_s = filling and sizes[_S] < s_room and sizes[_Q] == 0
    starts_in_q = filling and sizes[_Q] < state.sizes[_CAPACITY] - s_room
    enter(state.queues, _S if known or starts_in_s else _Q, page)
    lfu_enter(state.lfu, page, state.uses[page] + 1 if known else 1)
    state.new[page] = not (known or starts_in_s or starts_in_q)
    if known or state.new[page]:
        while sizes[_S] > 0 and sizes[_S] >= s_room:
            _demote(state)
    learn(state.learning, 0, state.generator)


def admit(state, page, now):
    """Everything enters; a page from a history first costs the expert that gave it up, and may shrink S."""
    expert = state.queues.place[page]
    if expert in (LRU, LFU):
        leave(state.queues, page)
        state.queues.place[page] = _RECALLED
        if expert == LRU and state.new[page]:
            state.tallies[_NEW] -= 1
            state.new[page] = 0
            _resize_s(state, -_step(state.tallies[_DEMOTED], state.tallies[_NEW]))
        blame(state.weights, expert, rate_of(state.learning))
    return True


def evict(state, now):
    state.evicted[0] = 1
    expert = draw(state.weights, state.generator)
    by_lru = last(state.queues, _Q if state.queues.sizes[_Q] > 0 else _S)
    by_lfu = newest_least(state.lfu)
    page = by_lru if expert == LRU else by_lfu
    uses = uses_of(state.lfu, page)
    leave(state.queues, page)
    lfu_remove(state.lfu, page)
    _clear_demoted(state, page)
    if by_lru != by_lfu and state.sizes[_HISTORY_ROOM] > 0:
        if state.queues.sizes[expert] == state.sizes[_HISTORY_ROOM]:
            forgotten = leave_last(state.queues, expert)
            if expert == LRU:
                state.tallies[_NEW] -= state.new[forgotten]
        enter(state.queues, expert, page)
        state.uses[page] = uses
        if expert == LRU:
            state.tallies[_NEW] += state.new[page]
    return page


def stats(state):
    """The weight of LRU, the learning rate and the room of S at the end."""
    return {
        "lru_weight": float(state.weights[LRU]),
        "learning_rate": float(rate_of(state.learning)),
        "s_room": int(state.sizes[_S_ROOM]),
    }


def _demote(state):
    """Move the oldest page of S to Q."""
    page = last(state.queues, _S)
    move(state.queues, _Q, page)
    state.demoted[page] = 1
    state.tallies[_DEMOTED] += 1


def _clear_demoted(state, page):
    state.tallies[_DEMOTED] -= state.demoted[page]
    state.demoted[page] = 0


def _resize_s(state, change):
    room = state.sizes[_S_ROOM] + change
    state.sizes[_S_ROOM] = max(min(room, state.sizes[_CAPACITY] - 1), 1)


def _step(many, few):
    """many / few, rounded half up, at least 1."""
    few = max(few, 1)
    return max((2 * many + few) // (2 * few), 1)
