"""Length-aware LFU: of the pages with the fewest uses since they entered, the one furthest into its requests leaves
(LengthAwareCache of Qin et al., "Mooncake: A KVCache-centric Disaggregated Architecture for LLM Serving",
arXiv 2407.00079v1, 2024, section 4.2 and table 1).

The paper says no more than that it is like LFU and goes by the place of a block in its requests; that the later ones
leave first is our reading, the one under which prefixes stay whole. Of equal pages the one that reached its number of
uses first leaves. Counts live only while the page is cached.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .structures.indexed_heap import IndexedHeap, add, change, new_indexed_heap, pop
from .structures.prefixes import depths

READING = "prefix"


class State(NamedTuple):
    heap: IndexedHeap  # by uses and depth in one number, then by when it was reached
    depth: np.ndarray  # (n_pages,) int64
    uses: np.ndarray  # (n_pages,) int64: of each cached page
    counts: np.ndarray  # (2,) int64: changes so far, and the depth of the deepest page


def init(capacity, n_pages, parent):
    depth = depths(parent)
    return State(
        heap=new_indexed_heap(min(capacity, n_pages), n_pages),
        depth=depth,
        uses=np.zeros(n_pages, np.int64),
        counts=np.array([0, depth.max(initial=0)]),
    )


def on_hit(state, page, now):
    state.uses[page] += 1
    change(state.heap, page, _key(state, page), _tick(state))


def on_insert(state, page, now):
    state.uses[page] = 1
    add(state.heap, page, _key(state, page), _tick(state))


def evict(state, now):
    return pop(state.heap)


def _key(state, page):
    return state.uses[page] * (state.counts[1] + 1) - state.depth[page]


def _tick(state):
    state.counts[0] += 1
    return state.counts[0]
