"""Hit ratios from samples of the pages: for traces too long, or curves too many, to replay in full.

A page is in a sample by a hash of its id, so that either all of its accesses are or none (SHARDS: Waldspurger, Park,
Garthwaite and Ahmad, "Efficient MRC construction with SHARDS", FAST 2015); the cache shrinks by the same rate
(Waldspurger, Saemundsson, Ahmad and Park, "Cache modeling and optimization using miniature simulations", ATC 2017).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from kvreplay.policies import get
from kvreplay.simulator.student_t import student_t
from kvreplay.traces.trace import Trace

from .capacity import CapacityError, parse_capacity
from .engine import replay

# A sampled cache of fewer pages differs from the whole in kind: its queues and windows round to nothing.
_FEWEST_PAGES = 10


class Estimate(NamedTuple):
    """A page hit ratio with its 95 % interval."""

    capacity: int  # pages of the whole cache
    hit_ratio: float
    half_width: float


def estimate_curve(
    trace: Trace,
    policy: Any,
    capacities: list[Any],
    *,
    rate: float = 0.01,
    samples: int = 8,
    seed: int = 0,
) -> Iterator[Estimate]:
    """Estimate the page hit ratio of `policy` at each capacity from `samples` disjoint samples of the pages.

    Each sample holds a share of `rate` of the pages. Its hits are corrected by the accesses that it has more or fewer
    than that share (SHARDS-adj, FAST 2015, section 3.4); the interval is Student's, over the samples. It covers the
    luck of the draw, not what a policy does differently in a small cache.

    Raises CapacityError where a sampled cache would hold fewer than 10 pages, ValueError for an impossible `rate`.
    """
    if not (rate > 0 and samples >= 2 and rate * samples <= 1):
        raise ValueError(f"{samples} disjoint samples of {rate:g} of the pages; use 2 or more, of at most 1 in all")
    policy = get(policy)
    sizes = [parse_capacity(capacity).on(trace) for capacity in capacities]
    for size in sizes:
        if size.unit != "pages" or size.amount * rate < _FEWEST_PAGES:
            least = math.ceil(_FEWEST_PAGES / rate)
            raise CapacityError(
                f"capacity {size.amount}: samples of {rate:g} need {least} pages or more; raise the rate"
            )
    places = np.random.default_rng(seed).random(trace.n_pages)  # a page's place in [0, 1), the same at each capacity
    parts = [_sample(trace, (places >= k * rate) & (places < (k + 1) * rate)) for k in range(samples)]
    expected = trace.n_accesses * rate
    for size in sizes:
        capacity = round(size.amount * rate)
        ratios = []
        for part in parts:
            within = min(capacity, part.n_pages)
            hits = replay(part, policy, within, seed=seed).row["hits"] if within else 0
            ratios.append(min(max((hits + expected - part.n_accesses) / expected, 0.0), 1.0))
        spread = float(np.std(ratios, ddof=1)) / math.sqrt(samples)
        yield Estimate(size.amount, float(np.mean(ratios)), student_t(samples - 1) * spread)


def _sample(trace: Trace, chosen: np.ndarray) -> Trace:
    """The accesses to the `chosen` pages, (n_pages,) bool, as a trace of single pages."""
    number = (np.cumsum(chosen) - 1).astype(np.uint32)
    return Trace(trace.name, number[trace.pages[chosen[trace.pages]]], int(chosen.sum()))
