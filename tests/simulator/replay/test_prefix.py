"""The prefix reading: contiguous hits, leaves first, pinned pages stay; against a slow LRU tree and by invariants."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.policies import get, names
from kvreplay.simulator.replay import loops
from kvreplay.simulator.replay.cell import Cell
from kvreplay.traces.builder import Batch, TraceBuilder
from kvreplay.traces.trace import Trace
from tests.oracles.prefix_cache import PrefixLRU

BY_PAGE = [name for name in names() if not get(name).hooks.by_request]


@st.composite
def prefix_traces(draw) -> Trace:
    """Requests that walk a random tree from the root: a page's key is its whole path."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    fan_out, depth = draw(st.integers(1, 4)), draw(st.integers(1, 8))
    requests = []
    for _ in range(draw(st.integers(1, 150))):
        steps = rng.integers(0, fan_out, rng.integers(1, depth + 1))
        requests.append([hash(tuple(steps[: i + 1].tolist())) % 2**64 for i in range(len(steps))])
    builder = TraceBuilder()
    counts = np.array([len(request) for request in requests], np.int32)
    builder.add(Batch(keys=np.array(list(itertools.chain(*requests)), np.uint64), counts=counts))
    return builder.finish("tree", page_tokens=16)


def requests_of(trace: Trace) -> list[list[int]]:
    return [trace.pages[a:b].tolist() for a, b in zip(trace.offsets[:-1], trace.offsets[1:], strict=True)]


def run(trace: Trace, policy: str, capacity: int, **options) -> tuple[Cell, list[int]]:
    """The cell after the replay, and hits per request."""
    cell = Cell(trace, get(policy), capacity, "prefix", **options)
    hit = np.concatenate([hit.copy() for *_, hit in cell.chunks(2)])
    return cell, np.add.reduceat(hit, trace.offsets[:-1]).tolist()


@settings(max_examples=100, deadline=None)
@given(trace=prefix_traces(), capacity=st.integers(1, 80))
def test_lru_hits_are_those_of_a_slow_tree(trace, capacity):
    slow = PrefixLRU(capacity)
    assert run(trace, "lru", capacity)[1] == [slow.request(pages) for pages in requests_of(trace)]


@pytest.mark.parametrize("policy", BY_PAGE)
@settings(max_examples=25, deadline=None)
@given(trace=prefix_traces(), capacity=st.integers(1, 80))
def test_invariants_hold_for_every_policy(policy, trace, capacity):
    cell, hits = run(trace, policy, capacity)
    assert (cell, hits)[1] == run(trace, policy, capacity, compiled=False)[1]
    cached = cell.cached > 0
    assert cell.tally[loops.USED] == cached.sum() <= capacity
    # A cached page's parent is cached: nothing unreachable takes up room.
    parents = trace.parent[cached]
    assert cached[parents[parents >= 0]].all()
    # The policy can name exactly the pages it was not yet asked to give up.
    known = np.flatnonzero(cell.cached == 1)
    evict = cell.policy.hooks.decide
    assert sorted(int(evict(cell.state, trace.n_accesses - 1)) for _ in known) == known.tolist()


@pytest.mark.parametrize("policy", BY_PAGE)
@settings(max_examples=10, deadline=None)
@given(trace=prefix_traces())
def test_unlimited_cache_hits_every_repeated_prefix(policy, trace):
    seen: set[int] = set()
    expected = []
    for pages in requests_of(trace):
        expected.append(sum(page in seen for page in pages))
        seen.update(pages)
    assert run(trace, policy, trace.n_pages)[1] == expected


def test_only_the_beginning_of_a_request_larger_than_the_cache_is_kept():
    builder = TraceBuilder()
    builder.add(Batch(keys=np.array([1, 2, 3, 4] * 2, np.uint64), counts=np.array([4, 4], np.int32)))
    cell, hits = run(builder.finish("long", page_tokens=16), "lru", 3)
    assert hits == [0, 3]
    assert cell.tally[loops.EVICTIONS] == 0
    assert cell.tally[loops.REJECTIONS] == 2
