"""The policies for the prefix reading alone, page by page: equal to their twins, and to LRU where theory says so."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.policies import get, names
from kvreplay.policies.structures.prefixes import depths
from kvreplay.simulator.replay.cell import Cell
from kvreplay.simulator.replay.requests import requests_of
from kvreplay.traces.builder import Batch, TraceBuilder
from kvreplay.traces.trace import Trace
from tests.oracles.policies import TWINS
from tests.oracles.policies.prefix_twin import PrefixCache, PrefixTwin
from tests.simulator.replay.test_prefix import prefix_traces
from tests.simulator.replay.test_prefix import requests_of as requests_in

POLICIES = [name for name in names() if issubclass(TWINS[name], PrefixTwin)]


@st.composite
def timed_traces(draw) -> Trace:
    """Random prefixes, of several sessions, at times of which some are equal."""
    trace = draw(prefix_traces())
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    gaps = rng.integers(0, draw(st.integers(1, 50)), trace.n_requests)
    sessions = rng.integers(-1, draw(st.integers(1, 30)), trace.n_requests)
    return dataclasses.replace(trace, arrival=np.cumsum(gaps) / 4, session=sessions.astype(np.int32))


def trace_of(*requests: str, arrival: list[float] | None = None, session: list[int] | None = None) -> Trace:
    """A page per letter, known by all letters up to it."""
    builder = TraceBuilder()
    paths = [request[: i + 1] for request in requests for i in range(len(request))]
    keys = np.array([hash(path) % 2**64 for path in paths], np.uint64)
    columns = {} if arrival is None else {"arrival": np.array(arrival, np.float64)}
    if session is not None:
        columns["session"] = np.array(session, np.int32)
    builder.add(Batch(keys=keys, counts=np.array([len(request) for request in requests], np.int32), **columns))
    return builder.finish("given", page_tokens=16)


def hits_of(trace: Trace, policy: str, capacity: int, **options) -> list[int]:
    """Pages hit of each request."""
    cell = Cell(trace, get(policy), capacity, "prefix", **options)
    hit = np.concatenate([hit.copy() for *_, hit in cell.chunks(2)])
    return np.add.reduceat(hit, trace.offsets[:-1]).tolist()


def expected(trace: Trace, twin: type[PrefixTwin], capacity: int, **attributes) -> list[int]:
    category = requests_of(trace).category.tolist()
    cache = PrefixCache(type("Twin", (twin,), attributes)(capacity, trace, category))
    return [cache.request() for _ in range(trace.n_requests)]


@pytest.mark.parametrize("policy", POLICIES)
@settings(max_examples=60, deadline=None)
@given(trace=timed_traces(), capacity=st.integers(1, 80))
def test_hits_are_those_of_the_slow_twin(policy, trace, capacity):
    assert hits_of(trace, policy, capacity) == expected(trace, TWINS[policy], capacity)


@pytest.mark.parametrize(
    ("policy", "attributes"),
    [
        ("vllm-frequency-cost:alpha=2", {"alpha": 2.0}),
        ("vllm-frequency-cost:decay=0.25:window=4", {"decay": 0.25, "window": 4.0}),
        ("vllm-queue-aware:waiting=1", {"waiting": 1}),
        ("vllm-queue-aware:waiting=1000", {"waiting": 1000}),
        ("marconi:alpha=3:width=1", {"alpha": 3.0, "width": 1}),
    ],
)
@settings(max_examples=30, deadline=None)
@given(trace=timed_traces(), capacity=st.integers(1, 80))
def test_parameters_change_what_they_say(policy, attributes, trace, capacity):
    assert hits_of(trace, policy, capacity) == expected(trace, TWINS[get(policy).name], capacity, **attributes)


@pytest.mark.parametrize("policy", ["fifo", "lfu", "lru", "mru", "sieve"])
@settings(max_examples=20, deadline=None)
@given(trace=timed_traces(), capacity=st.integers(1, 80))
def test_the_slow_prefix_cache_holds_for_policies_of_any_reading(policy, trace, capacity):
    assert hits_of(trace, policy, capacity) == expected(trace, type("Twin", (PrefixTwin, TWINS[policy]), {}), capacity)


@pytest.mark.parametrize("policy", ["marconi:alpha=0", "vllm-queue-aware:waiting=0", "workload-aware"])
@settings(max_examples=30, deadline=None)
@given(trace=timed_traces(), capacity=st.integers(1, 80))
def test_what_is_left_without_the_signal_is_lru(policy, trace, capacity):
    trace = dataclasses.replace(trace, session=None)
    assert hits_of(trace, policy, capacity) == hits_of(trace, "lru", capacity)


# Worked by hand: a page per letter, requests that share letters from the start share pages; hits of each request.
@pytest.mark.parametrize(
    ("policy", "requests", "capacity", "hits"),
    [
        # c and d wait when e comes: b, more recent than either, makes room for it.
        ("vllm-queue-aware:waiting=2", ["c", "d", "b", "e", "c", "d"], 3, [0, 0, 0, 0, 1, 1]),
        ("vllm-queue-aware:waiting=1", ["c", "d", "b", "e", "c", "d"], 3, [0, 0, 0, 0, 1, 0]),
        # All used once, and y lies the furthest from its start.
        ("length-aware", ["xy", "a", "b", "xy"], 3, [0, 0, 0, 1]),
        # b and c are used once: they leave although a, used twice, is older.
        ("length-aware", ["a", "a", "b", "c", "d", "a"], 2, [0, 1, 0, 0, 0, 1]),
        # Never hit, b leaves; then a, of 2 hits in 90 s, before c, of 1 hit in no time.
        ("vllm-frequency-cost", ["a", "a", "b", "a", "c", "c", "d", "c", "a"], 2, [0, 1, 0, 1, 0, 1, 0, 1, 0]),
        # y saves the most; x is as old and saves the least, but y depends on it, so that a leaves.
        ("marconi:alpha=10", ["xy", "a", "b", "xy"], 3, [0, 0, 0, 2]),
        ("marconi:alpha=0", ["xy", "a", "b", "xy"], 3, [0, 0, 0, 1]),
    ],
)
def test_by_hand(policy, requests, capacity, hits):
    trace = trace_of(*requests, arrival=[0.0, 10.0, 90.0, 100.0, 110.0, 120.0, 130.0, 140.0, 150.0][: len(requests)])
    assert hits_of(trace, policy, capacity) == hits


def test_categories_by_hand():
    # What second turns used was used again, what first turns used was not: p stays although it is the older.
    requests, session = ["a", "p", "b", "p", "c", "d", "p"], [0, 0, 1, 1, 2, 3, 2]
    trace = trace_of(*requests, arrival=[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], session=session)
    assert hits_of(trace, "lru", 2) == [0, 0, 0, 1, 0, 0, 0]
    assert hits_of(trace, "workload-aware", 2) == [0, 0, 0, 1, 0, 0, 1]


@settings(max_examples=30, deadline=None)
@given(trace=prefix_traces())
def test_depths_count_the_pages_of_a_prefix(trace):
    depth = depths(trace.parent)
    for pages in requests_in(trace):
        assert depth[pages].tolist() == list(range(1, len(pages) + 1))


@settings(max_examples=30, deadline=None)
@given(trace=timed_traces(), capacity=st.integers(1, 80))
def test_adaptive_hits_what_the_policy_that_it_follows_does(trace, capacity):
    followed, adaptive = (
        hits_of(trace, name, capacity, compiled=False) for name in ("gittins", "adaptive:margin=1000")
    )
    assert adaptive == followed
