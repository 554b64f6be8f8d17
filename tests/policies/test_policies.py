"""One battery that every registered policy passes: equal to its twin, compiled or not, and within the contract."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.policies import get, names
from kvreplay.simulator.replay import loops
from kvreplay.simulator.replay.cell import Cell
from kvreplay.traces.trace import Trace
from tests.oracles.policies import TWINS


@st.composite
def page_traces(draw) -> Trace:
    """Random accesses in which some pages come often, some in runs, and some once."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    keys = rng.zipf(draw(st.floats(1.1, 3.0)), draw(st.integers(1, 600))) % draw(st.integers(1, 80))
    if draw(st.booleans()):
        keys = np.concatenate([keys, np.arange(60), keys[::-1], np.arange(60)])
    _, first, ids = np.unique(keys, return_index=True, return_inverse=True)
    dense = np.argsort(np.argsort(first))[ids].astype(np.uint32)
    return Trace("random", dense, len(first))


def hits_of(trace: Trace, policy: str, capacity: int, **options) -> list[bool]:
    cell = Cell(trace, get(policy), capacity, **options)
    return [bool(byte) for *_, hit in cell.chunks(3) for byte in hit.copy()]


def test_every_policy_has_a_twin():
    assert set(names()) == set(TWINS)


@pytest.mark.parametrize("policy", names())
@settings(max_examples=40, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 100), seed=st.integers(0, 5))
def test_hits_are_those_of_the_slow_twin(policy, trace, capacity, seed):
    twin = TWINS[policy](capacity, trace.pages.tolist(), seed)
    expected = [twin.access(page) for page in trace.pages.tolist()]
    obtained = hits_of(trace, policy, capacity, seed=seed)
    if policy == "belady":
        # Several pages may never come again; which of them leaves is open, and changes no count.
        assert sum(obtained) == sum(expected)
    else:
        assert obtained == expected


@pytest.mark.parametrize("policy", names())
@settings(max_examples=10, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 100))
def test_compiled_and_plain_python_agree(policy, trace, capacity):
    assert hits_of(trace, policy, capacity) == hits_of(trace, policy, capacity, compiled=False)


@pytest.mark.parametrize("policy", names())
@settings(max_examples=20, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 100))
def test_books_balance_at_the_end(policy, trace, capacity):
    cell = Cell(trace, get(policy), capacity)
    hits = sum(int(hit.sum()) for *_, hit in cell.chunks(1))
    cached = np.flatnonzero(cell.cached)
    misses = trace.n_accesses - hits
    assert cell.tally[loops.USED] == len(cached) == min(capacity, trace.n_pages)
    assert cell.tally[loops.EVICTIONS] == misses - len(cached)
    # The policy knows exactly the cached pages: it can give up each of them, and no other.
    evict = cell.policy.hooks.evict
    assert sorted(int(evict(cell.state, trace.n_accesses - 1)) for _ in cached) == cached.tolist()


@pytest.mark.parametrize("policy", names())
@settings(max_examples=10, deadline=None)
@given(trace=page_traces(), beyond=st.integers(0, 50))
def test_a_cache_of_the_whole_footprint_has_only_compulsory_misses(policy, trace, beyond):
    assert sum(hits_of(trace, policy, trace.n_pages + beyond)) == trace.n_accesses - trace.n_pages


@pytest.mark.parametrize("policy", names())
@settings(max_examples=15, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 60))
def test_no_policy_beats_belady(policy, trace, capacity):
    assert sum(hits_of(trace, policy, capacity)) <= sum(hits_of(trace, "belady", capacity))


@pytest.mark.parametrize("policy", [name for name in names() if get(name).hooks.sized])
@settings(max_examples=15, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 60), factor=st.integers(1, 1000))
def test_equal_sizes_in_bytes_are_the_same_cache(policy, trace, capacity, factor):
    sized = Trace("sized", trace.pages, trace.n_pages, page_bytes=np.full(trace.n_pages, factor, np.int64))
    assert hits_of(sized, policy, capacity * factor, sized=True) == hits_of(trace, policy, capacity)


# Worked by hand, one letter a page: accesses, capacity, and 1 where it hits.
@pytest.mark.parametrize(
    ("policy", "accesses", "capacity", "hits"),
    [
        ("lru", "abcabdab", 3, "00011011"),
        ("lru", "abcacb", 2, "000010"),
        ("fifo", "abcadab", 3, "0001000"),
        ("lfu", "aabcbca", 2, "0100001"),
        ("sieve", "abacab", 2, "001010"),
        ("s3-fifo", "abcdabcd", 4, "00001111"),
        ("belady", "abcab", 2, "00010"),
    ],
)
def test_by_hand(policy, accesses, capacity, hits):
    letters = list(dict.fromkeys(accesses))
    trace = Trace("by hand", np.array([letters.index(a) for a in accesses], np.uint32), len(letters))
    assert "".join(str(int(hit)) for hit in hits_of(trace, policy, capacity)) == hits
