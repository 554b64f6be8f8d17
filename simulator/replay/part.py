"""A share of a trace's pages as a trace of its own, drawn where it is replayed, and what it tells of the whole.

All accesses of a page are in a part, or none, and the cache shrinks with the pages (SHARDS: Waldspurger, Park,
Garthwaite and Ahmad, "Efficient MRC construction with SHARDS", FAST 2015; for any policy: Waldspurger, Saemundsson,
Ahmad and Park, "Cache modeling and optimization using miniature simulations", ATC 2017). Unlike there, pages are drawn
without replacement, as their number is known.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import weakref
from typing import NamedTuple

import numpy as np
import xxhash

from kvreplay.policies import Policy, PolicyError
from kvreplay.simulator.student_t import student_t
from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace

# A sampled cache of fewer pages differs from the whole in kind: its queues and windows round to nothing.
FEWEST_PAGES = 10
_NORMAL = 1000  # degrees of freedom from which Student's t is the normal distribution's


class Estimate(NamedTuple):
    """A page hit ratio with its 95 % interval: hit_ratio - half_width .. hit_ratio + half_width."""

    hit_ratio: float
    half_width: float


class Part(Trace):
    """The accesses to a share of `rate` of the pages of `whole`, drawn at random, as a trace of single pages.

    Parts of number 0, 1, ... share no page; round(1 / rate) of them are the whole trace. A cache of a share of a part's
    pages hits what one of the same share hits of the whole, but for the luck of the draw and for what a policy does
    differently in a small cache. Nothing is drawn until `drawn` is called: `n_accesses` is only what is expected.
    Raises TraceError where the part is of fewer than 10 pages, or there is none of that number.
    """

    whole: Trace
    rate: float
    number: int
    _first: int  # of its pages, among all in the order of being drawn

    def __init__(self, whole: Trace, rate: float, number: int = 0) -> None:
        first, last = (round(rate * edge * whole.n_pages) for edge in (number, number + 1))
        n_pages = min(last, whole.n_pages) - min(first, whole.n_pages)
        if n_pages < FEWEST_PAGES:
            mend = "raise the rate, or use an earlier part"
            raise TraceError(f"{whole.name}: part {number} of samples of {rate:g} has {n_pages} pages", mend=mend)
        for field in dataclasses.fields(Trace):
            if field.name != "pages":
                object.__setattr__(self, field.name, None)
        meta = {**whole.meta, "sample": rate, "seed": number}
        name = f"{whole.name}, sample of {rate:g}"
        values = {"name": name, "n_pages": n_pages, "meta": meta, "whole": whole, "rate": rate, "number": number}
        self.__dict__.update(values, _first=first)

    @property
    def pages(self) -> np.ndarray:  # type: ignore[override]
        raise TraceError(f"{self.name} is not drawn yet", mend="replay it, or draw it with drawn()")

    @property
    def n_requests(self) -> int:
        return self.n_accesses

    @property
    def n_accesses(self) -> int:
        return max(round(self.expected), 1)

    @property
    def expected(self) -> float:
        """How many accesses the part has, if it has its share."""
        return self.whole.n_accesses * self.n_pages / self.whole.n_pages

    @property
    def nbytes(self) -> int:
        return 0

    @property
    def has_pages(self) -> bool:
        return self.whole.has_pages

    @property
    def content_hash(self) -> str:  # type: ignore[override]
        """32 hex digits over what is drawn from, and how."""
        return xxhash.xxh3_128_hexdigest(f"{self.whole.content_hash}:{self.rate!r}:{self.number}".encode())

    def drawn(self) -> Trace:
        """The part itself: the same object for all who replay it at a time, and for those who do so next."""
        global _latest
        key = self.content_hash, self.name
        with _lock:  # cells run on threads, and would each draw it
            trace = _drawn.get(key)
            if trace is None:
                chosen = np.random.default_rng(0).permutation(self.whole.n_pages)[self._first :][: self.n_pages]
                trace = accesses_to(self.whole, chosen).described(self.name, self.meta)
                trace.__dict__["content_hash"] = self.content_hash
                _drawn[key] = trace
            _latest = trace
        return trace


_lock = threading.Lock()
_drawn: weakref.WeakValueDictionary[tuple[str, str], Trace] = weakref.WeakValueDictionary()
_latest: Trace | None = None


def drawn(trace: Trace) -> Trace:
    """`trace`, drawn where it is a part."""
    return trace.drawn() if isinstance(trace, Part) else trace


def of_whole(part: Part, misses: np.ndarray, cached: np.ndarray, slope: float) -> Estimate:
    """The page hit ratio of the whole trace, from a replay of the part.

    `misses`, (n_pages,), are those of each page, `cached` is 1 for those in the cache at the end, and `slope` is how
    many misses more there are for each page that the cache is smaller.

    Misses are scaled by the rate and set against all accesses: the luck of having drawn a page that is asked for often
    does not count (SHARDS-adj, FAST 2015, section 3.4). The interval is that of a total over pages drawn without
    replacement (Cochran, Sampling Techniques, 3rd edition 1977, section 2.6). A page counts in it with its misses, and
    with those that it causes by taking the place of others: where a part has more pages than its share that stay in the
    cache, the cache is too small for them. What a policy does differently in a small cache is not in it.
    """
    counted = misses + slope * cached
    n = part.n_pages
    unseen = 1 - n / part.whole.n_pages
    luck = student_t(min(n - 1, _NORMAL)) * math.sqrt(unseen * n * float(np.var(counted, ddof=1)))
    ratio = 1 - int(misses.sum()) / part.expected
    return Estimate(min(max(ratio, 0.0), 1.0), luck / part.expected)


def accesses_to(trace: Trace, chosen: np.ndarray) -> Trace:
    """The accesses to the pages `chosen`, as a trace of single pages: all that is in memory of a trace that is not."""
    is_chosen = np.zeros(trace.n_pages, np.bool_)
    is_chosen[chosen] = True
    number = (np.cumsum(is_chosen) - 1).astype(np.uint32)
    costs = None if trace.page_cost is None else trace.page_cost[is_chosen]
    pages = np.concatenate([number[part[is_chosen[part]]] for part in trace.parts()])
    return Trace(trace.name, pages, len(chosen), page_cost=costs)


def check_policy(policy: Policy) -> None:
    """Raise PolicyError where samples tell nothing about `policy`."""
    if policy.hooks.reading or policy.needs & {"parent", "requests"}:
        raise PolicyError(f"policy {policy.label} looks at whole requests, which samples tear; replay it in full")
    if not policy.hooks.scales:
        raise PolicyError(f"policy {policy.label} is another one in a small cache; replay it in full")
