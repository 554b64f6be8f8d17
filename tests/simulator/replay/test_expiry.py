"""Time to live: against slow caches that write the time on every entry, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.simulator.replay import replay
from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace
from tests.oracles.object_cache import ObjectFIFO, ObjectLRU
from tests.oracles.prefix_cache import PrefixLRU

from .test_prefix import prefix_traces, requests_of


def with_times(trace: Trace, seed: int, scale: float = 1) -> Trace:
    """`trace` with arrivals a few seconds apart, several at one time among them."""
    gaps = np.random.default_rng(seed).integers(0, 3, trace.n_requests)
    return Trace(
        "timed",
        trace.pages,
        trace.n_pages,
        trace.page_offsets,
        arrival=np.cumsum(gaps) * float(scale),
        parent=trace.parent,
        page_tokens=trace.page_tokens,
    )


def hits_of(trace: Trace, policy: str, capacity: int, **options) -> list[int]:
    """Page hits of each request."""
    return replay(trace, policy, capacity, windows=trace.n_requests, **options).row["series_hits"]


@pytest.mark.parametrize(("policy", "slow"), [("lru", ObjectLRU), ("fifo", ObjectFIFO)])
@settings(max_examples=60, deadline=None)
@given(trace=prefix_traces(), capacity=st.integers(1, 80), ttl=st.integers(1, 60), seed=st.integers(0, 99))
def test_independent_pages(policy, slow, trace, capacity, ttl, seed):
    trace = with_times(trace, seed)
    cache = slow(capacity, ttl)
    arrivals = trace.arrival.tolist()
    expected = [
        sum([cache.access(page, time=now) for page in pages])
        for pages, now in zip(requests_of(trace), arrivals, strict=True)
    ]
    assert hits_of(trace, policy, min(capacity, trace.n_pages), ttl=ttl) == expected


@settings(max_examples=60, deadline=None)
@given(trace=prefix_traces(), capacity=st.integers(1, 80), ttl=st.integers(1, 60), seed=st.integers(0, 99))
def test_prefixes(trace, capacity, ttl, seed):
    trace = with_times(trace, seed)
    capacity = min(capacity, trace.n_pages)
    cache = PrefixLRU(capacity)
    written: dict[int, float] = {}
    expected = []
    for pages, now in zip(requests_of(trace), trace.arrival.tolist(), strict=True):
        young = [page for page in pages[: cache.request(pages)] if now - written[page] <= ttl]
        while young != pages[: len(young)]:  # whatever is behind an old page is computed anew with it
            young.pop()
        written |= dict.fromkeys(pages[len(young) :], now)
        expected.append(len(young))
    assert hits_of(trace, "lru", capacity, ttl=ttl, reading="prefix") == expected


@pytest.mark.parametrize("reading", ["independent", "prefix"])
@settings(max_examples=20, deadline=None)
@given(trace=prefix_traces(), share=st.floats(0.01, 1), ttl=st.integers(1, 60), power=st.integers(-3, 10))
def test_only_the_ratio_of_times_counts(reading, trace, share, ttl, power):
    factor = 2.0**power
    capacity = max(1, int(share * trace.n_pages))
    once, scaled = with_times(trace, 1), with_times(trace, 1, factor)
    young = replay(once, "sieve", capacity, reading=reading, ttl=ttl).row
    other = replay(scaled, "sieve", capacity, reading=reading, ttl=ttl * factor).row
    assert young | {"ttl": 0, "trace_hash": ""} == other | {"ttl": 0, "trace_hash": ""}
    # Nothing is older than the trace is long; and to be too old never costs anything its place.
    for_ever = replay(once, "sieve", capacity, reading=reading).row
    old = replay(once, "sieve", capacity, reading=reading, ttl=once.duration + 1).row
    assert old | {"ttl": None} == for_ever
    assert young["evictions"] == for_ever["evictions"]


def test_by_hand():
    # An entry of exactly the ttl is good; a hit does not renew it, a miss does.
    trace = Trace("t", np.array([0, 0, 0, 0, 1, 0], np.uint32), 2, arrival=np.array([0, 5, 10, 10.5, 15, 20.5]))
    assert hits_of(trace, "lru", 2, ttl=10) == [0, 1, 1, 0, 0, 1]
    assert hits_of(trace, "lru", 1, ttl=10) == [0, 1, 1, 0, 0, 0]


def test_a_trace_without_times_has_no_ages():
    trace = Trace("keys", np.array([0, 0], np.uint32), 1)
    with pytest.raises(TraceError, match="keys has no arrival times; use a trace with them, or leave ttl out"):
        replay(trace, "lru", 1, ttl=10)
