"""The prefix cache of SGLang: a radix tree whose leaf nodes leave whole, in the order that `eviction` names.

Rules of SGLang 0.5.23, `sglang/srt/mem_cache/radix_cache.py` and `evict_policy.py`, with one request at a time that
generates nothing. It finds the longest cached prefix of at most its prompt - 1 tokens, locks it, removes leaves until
what it lacks is free, and at its end inserts its full pages, of which those behind the cached ones become one new node.

`eviction` says which leaf leaves first:
- lru: the one not accessed for the longest time; mru: the one accessed last
- fifo: the oldest node; filo: the youngest
- lfu: the one that the fewest requests went through, of those the least recently accessed
- slru: of those that fewer than two requests went through, the least recently accessed; then of the others
- priority: of those of the least priority the least recently accessed. No trace has priorities, so this is lru.

What differs from LRU per page:
- A node leaves whole, all the pages from one branching of the tree to the next: about twice as many as were asked for.
- An access stamps one time on the whole path, also on the rest of a node that it matches in part and thereby splits.
- A node counts requests from its first one on. The half that a split adds inherits the count, but is born by the split.

With `tail` "full" every page of the trace is full and the prompt one token longer, which takes one more page while the
request runs. A request of more pages than the cache has is refused: it misses, and changes nothing.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import numpy as np

from .structures.indexed_heap import IndexedHeap, add, change, new_indexed_heap, pop
from .structures.prompts import Prompts, Tail, prompts_of

_Eviction = Literal["lru", "lfu", "fifo", "mru", "filo", "slru", "priority"]
_LFU, _FIFO, _MRU, _FILO, _SLRU = (get_args(_Eviction).index(name) for name in ("lfu", "fifo", "mru", "filo", "slru"))
_PROTECTED = 2  # uses from which on slru protects a node, SGLang's default
_NONE = -1
_LEAST = -(2**62)


class State(NamedTuple):
    prompts: Prompts
    parent: np.ndarray  # (n_pages,) int32: the page before each page, or _NONE
    node: np.ndarray  # (n_pages,) int32: the node that each page is in, by its last page, or _NONE; below, by node:
    length: np.ndarray  # (n_pages,) int64: pages
    children: np.ndarray  # (n_pages,) int64: nodes below
    accessed: np.ndarray  # (n_pages,) int64: when
    created: np.ndarray  # (n_pages,) int64: when
    uses: np.ndarray  # (n_pages,) int64: requests
    leaves: IndexedHeap  # the nodes without children; the least leaves first
    room: np.ndarray  # (2,) int64: free pages now, and of an empty cache
    clock: np.ndarray  # (1,) int64: strictly rising
    eviction: np.ndarray  # (1,) uint8: index within _Eviction


def init(capacity, n_pages, parent, requests, *, eviction: _Eviction = "lru", tail: Tail = "partial"):
    return State(
        prompts=prompts_of(requests, tail),
        parent=parent,
        node=np.full(n_pages, _NONE, np.int32),
        length=np.zeros(n_pages, np.int64),
        children=np.zeros(n_pages, np.int64),
        accessed=np.zeros(n_pages, np.int64),
        created=np.zeros(n_pages, np.int64),
        uses=np.zeros(n_pages, np.int64),
        leaves=new_indexed_heap(min(capacity, n_pages), n_pages),
        room=np.array([capacity, capacity], np.int64),
        clock=np.zeros(1, np.int64),
        eviction=np.array([get_args(_Eviction).index(eviction)], np.uint8),
    )


def serve(state, pages, request):
    hittable, full, held = (state.prompts.hittable[request], state.prompts.full[request], state.prompts.held[request])
    if held > state.room[1]:
        return 0, 0, 0
    hits, end = _walk(state, pages, hittable, 0)
    removed = _make_room(state, held - hits, end)
    known, end = _walk(state, pages, full, 1)
    if known < full:
        _append(state, pages, known, full, end)
    return hits, full - known, removed


def _walk(state, pages, stop, uses):
    """Access the longest cached prefix of pages[:stop]; returns its length and the node that it ends with."""
    now = _tick(state)
    at, end = 0, np.int64(_NONE)
    while at < stop and state.node[pages[at]] != _NONE:
        start, node = at, np.int64(state.node[pages[at]])
        while at < stop and state.node[pages[at]] == node:
            at += 1
        end = np.int64(pages[at - 1])
        state.accessed[node] = now
        if end != node:
            _split(state, pages, start, at, node)
        state.uses[end] += uses
        if state.children[node] == 0:
            _reorder(state, node)
    return at, end


def _split(state, pages, start, stop, node):
    """Make pages[start:stop], the first of `node`, a node of their own above it."""
    upper = pages[stop - 1]
    for at in range(start, stop):
        state.node[pages[at]] = upper
    state.length[upper] = stop - start
    state.length[node] -= stop - start
    state.children[upper] = 1
    state.uses[upper] = state.uses[node]
    state.accessed[upper] = state.created[upper] = _tick(state)


def _append(state, pages, start, stop, above):
    """Insert pages[start:stop] as a node below the node `above`."""
    node = pages[stop - 1]
    for at in range(start, stop):
        state.node[pages[at]] = node
    state.length[node] = stop - start
    state.children[node] = 0
    state.uses[node] = 1
    state.accessed[node] = state.created[node] = _tick(state)
    state.room[0] -= stop - start
    if above != _NONE:
        if state.children[above] == 0:
            _leave_order(state, above)
        state.children[above] += 1
    _enter_order(state, node)


def _make_room(state, needed, locked):
    """Remove leaves, but not the node `locked`, until `needed` pages are free; returns how many pages left."""
    lacking = needed - state.room[0]
    if lacking <= 0:
        return 0
    if locked != _NONE and state.children[locked] == 0:
        _leave_order(state, locked)
    removed = 0
    while removed < lacking:
        page = np.int64(pop(state.leaves))
        length = state.length[page]
        for _ in range(length):
            state.node[page] = _NONE
            page = np.int64(state.parent[page])
        removed += length
        if page != _NONE:  # the last page, and so the name, of the node above
            state.children[page] -= 1
            if state.children[page] == 0 and page != locked:
                _enter_order(state, page)
    if locked != _NONE and state.children[locked] == 0:
        _enter_order(state, locked)
    state.room[0] += removed
    return removed


def _enter_order(state, node):
    first, second = _rank(state, node)
    add(state.leaves, node, first, second)


def _reorder(state, node):
    first, second = _rank(state, node)
    change(state.leaves, node, first, second)


def _leave_order(state, node):
    change(state.leaves, node, _LEAST, _LEAST)
    pop(state.leaves)


def _rank(state, node):
    """By what a leaf is ordered: the least leaves first."""
    eviction, accessed, created = state.eviction[0], state.accessed[node], state.created[node]
    if eviction == _LFU:
        return state.uses[node], accessed
    if eviction == _SLRU:
        return np.int64(state.uses[node] >= _PROTECTED), accessed
    if eviction == _FIFO:
        return created, 0
    if eviction == _MRU:
        return -accessed, 0
    if eviction == _FILO:
        return -created, 0
    return accessed, 0


def _tick(state):
    state.clock[0] += 1
    return state.clock[0]
