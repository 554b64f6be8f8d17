"""The tree that the prefixes of a trace form: how deep it is, how wide, and how many requests pass each branch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kvreplay.jit import jit

from .distribution import Distribution
from .trace import Trace

TOP = 10


@dataclass(frozen=True)
class PrefixTree:
    """The distinct pages as nodes, each behind the page before it; a page at depth 1 starts a request."""

    depth: Distribution | None  # over distinct pages
    pages_at_depth: np.ndarray  # (deepest,) int64: distinct pages at depth 1, 2, ...
    leaves: float  # share of the pages that no other follows
    branching: float  # share of the pages that several others follow
    fan_out: Distribution | None  # how many others follow a branching page; None where none branches
    trunk: int  # pages that every request passes
    branches: int  # pages right behind the trunk; without one, pages at depth 1
    top_branches: list[float]  # share of the requests that pass each of the TOP largest branches, falling


def prefix_tree(trace: Trace) -> PrefixTree | None:
    """The shape of the prefix tree of `trace`, in a few words of memory a page; None where its pages form none."""
    if trace.parent is None or not trace.has_pages:
        return None
    depth = np.zeros(trace.n_pages, np.int32)
    _measure_depths(trace.parent, depth)
    at_depth = np.bincount(depth)
    followers = np.bincount(trace.parent + 1, minlength=trace.n_pages + 1)[1:]
    # A request passes each page of its path once, so that accesses count requests.
    requests = np.count_nonzero(np.diff(trace.offsets))
    passes = np.bincount(trace.pages, minlength=trace.n_pages)
    trunk = np.flatnonzero(passes == requests)  # parents have the smaller number
    branches = passes[trace.parent == (trunk[-1] if len(trunk) else -1)]
    return PrefixTree(
        depth=Distribution.of_counts(at_depth),
        pages_at_depth=at_depth[1:],
        leaves=float(np.mean(followers == 0)),
        branching=float(np.mean(followers > 1)),
        fan_out=Distribution.of(followers[followers > 1]),
        trunk=len(trunk),
        branches=len(branches),
        top_branches=(np.sort(branches)[::-1][:TOP] / requests).tolist(),
    )


@jit
def _measure_depths(parent, depth):
    for page in range(len(parent)):
        depth[page] = 1 if parent[page] < 0 else depth[parent[page]] + 1
