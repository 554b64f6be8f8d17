"""GDSF, greedy dual size with frequency: the page of the least key leaves, uses since it entered x cost / size plus the
cache's age when it was last used; the age is the key of the page that left last (Cherkasova, "Improving WWW Proxies
Performance with Greedy-Dual-Size-Frequency Caching Policy", HP Labs report HPL-98-69R1, 1998).

A page costs what the trace or a cost model says; without either 1, the variant for page hits. Among equal keys the page
that reached its key first leaves. Sizes count in units of their greatest common divisor, so that scaling all of them
changes nothing. With one size and cost it is lfuda, whose radix heap holds the keys here too: positive floats are
ordered as their bits are. libCacheSim's GDSF differs: it inserts a page before it makes room, so the page may leave at
once, and its key starts from an older age.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import lfuda
from .lfuda import USES
from .lfuda import enter as lfuda_enter
from .lfuda import evict as lfuda_evict
from .structures.linked_list import unlink

SIZED = True


class State(NamedTuple):
    heap: lfuda.State  # keys and age are the bits of a float64
    size: np.ndarray  # (n_pages,) int64: in units; (0,): all the same
    cost: np.ndarray  # (n_pages,) float64; (0,): all the same


def init(capacity, n_pages, page_bytes, page_cost):
    size = np.zeros(0, np.int64)
    if page_bytes is not None:
        size = np.maximum(page_bytes // max(np.gcd.reduce(page_bytes), 1), 1)
    cost = np.zeros(0) if page_cost is None else page_cost.copy()
    return State(lfuda.init(capacity, n_pages), size, cost)


def on_hit(state, page, now):
    unlink(state.heap.links, page)
    _enter(state, page, state.heap.counts[page, USES] + 1)


def on_insert(state, page, now):
    _enter(state, page, 1)


def evict(state, now):
    return lfuda_evict(state.heap, now)


def _enter(state, page, uses):
    size = state.size[page] if len(state.size) > 0 else 1
    cost = state.cost[page] if len(state.cost) > 0 else 1.0
    key = np.int64(state.heap.age[0]).view(np.float64) + uses * cost / size
    lfuda_enter(state.heap, page, uses, np.float64(key).view(np.int64))
