"""Objects that change size: against slow caches, and by what must hold for every policy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.policies import get, names
from kvreplay.simulator.replay import bounds, loops, replay
from kvreplay.simulator.replay.cell import Cell
from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace
from tests.oracles.object_cache import ObjectFIFO, ObjectLRU

SIZED = [name for name in names() if get(name).hooks.sized]


def sized(pages: list[int], sizes: list[int], times: list[float] | None = None) -> Trace:
    """Accesses to `pages`, dense ids in first-seen order, each of which finds its object of the size given."""
    ids, access_bytes = np.array(pages, np.uint32), np.array(sizes, np.int64)
    largest = np.zeros(int(ids.max()) + 1, np.int64)
    np.maximum.at(largest, ids, access_bytes)
    arrival = None if times is None else np.array(times, np.float64)
    return Trace("sized", ids, len(largest), arrival=arrival, page_bytes=largest, access_bytes=access_bytes)


@st.composite
def changing(draw) -> Trace:
    """Accesses to a few objects whose sizes now and then change; some outgrow a cache."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    keys = rng.zipf(draw(st.floats(1.1, 3.0)), draw(st.integers(1, 300))) % draw(st.integers(1, 40))
    ids: dict[int, int] = {}
    pages = [ids.setdefault(key, len(ids)) for key in keys.tolist()]
    size_of, sizes = rng.integers(1, 20, len(ids)), []
    for page in pages:
        if rng.random() < 0.2:
            size_of[page] = rng.integers(0, 60)
        sizes.append(int(size_of[page]))
    return sized(pages, sizes, np.cumsum(rng.integers(0, 3, len(pages))).tolist())


def run(trace: Trace, policy: str, capacity: int, **options) -> tuple[Cell, list[bool]]:
    cell = Cell(trace, get(policy), capacity, sized=True, **options)
    return cell, [bool(byte) for *_, hit in cell.chunks(3) for byte in hit.copy()]


@pytest.mark.parametrize(("policy", "slow"), [("lru", ObjectLRU), ("fifo", ObjectFIFO)])
@pytest.mark.parametrize("changes", [True, False])
@settings(max_examples=40, deadline=None)
@given(trace=changing(), capacity=st.integers(1, 200), ttl=st.none() | st.integers(1, 100))
def test_hits_are_those_of_a_slow_cache(policy, slow, changes, trace, capacity, ttl):
    if not changes:
        trace = Trace("sized", trace.pages, trace.n_pages, arrival=trace.arrival, page_bytes=trace.page_bytes)
    sizes = trace.access_bytes if changes else trace.page_bytes[trace.pages]
    cache = slow(capacity) if ttl is None else slow(capacity, ttl)
    accesses = zip(trace.pages.tolist(), sizes.tolist(), trace.arrival.tolist(), strict=True)
    assert run(trace, policy, capacity, ttl=ttl)[1] == [cache.access(*access) for access in accesses]


@pytest.mark.parametrize("policy", SIZED)
@settings(max_examples=8, deadline=None)
@given(trace=changing(), capacity=st.integers(1, 200))
def test_books_balance_at_the_end(policy, trace, capacity):
    cell, hits = run(trace, policy, capacity)
    assert hits == run(trace, policy, capacity, compiled=False)[1]
    # What is cached has the size of its last access, and fits.
    last = dict(zip(trace.pages.tolist(), trace.access_bytes.tolist(), strict=True))
    cached = np.flatnonzero(cell.cached == 1)
    assert cell.tally[loops.USED] == sum(last[page] for page in cached.tolist()) <= cell.tally[loops.PEAK] <= capacity
    # Nothing is cached that was not accessed since it changed; a hit found the size of the access before.
    before: dict[int, int] = {}
    for page, size, hit in zip(trace.pages.tolist(), trace.access_bytes.tolist(), hits, strict=True):
        assert not hit or before[page] == size
        before[page] = size
    # The policy can name the cached pages, those that outgrew the cache, and no others.
    known = np.flatnonzero(cell.cached)
    evict = cell.policy.hooks.compiled["evict"]
    assert sorted(int(evict(cell.state, trace.n_accesses - 1)) for _ in known) == known.tolist()


@pytest.mark.parametrize("policy", SIZED)
@settings(max_examples=6, deadline=None)
@given(trace=changing(), capacity=st.integers(1, 200), factor=st.integers(2, 1000))
def test_scaling_all_sizes_and_the_capacity_changes_nothing(policy, trace, capacity, factor):
    scaled = sized(trace.pages.tolist(), (trace.access_bytes * factor).tolist())
    assert run(trace, policy, capacity)[1] == run(scaled, policy, capacity * factor)[1]


@pytest.mark.parametrize("policy", SIZED)
@settings(max_examples=6, deadline=None)
@given(trace=changing(), capacity=st.integers(1, 200))
def test_sizes_that_never_change_are_those_of_the_pages(policy, trace, capacity):
    steady = Trace("steady", trace.pages, trace.n_pages, page_bytes=trace.page_bytes)
    same = sized(trace.pages.tolist(), trace.page_bytes[trace.pages].tolist())
    (cell, hits), (other, hits_of_other) = run(steady, policy, capacity), run(same, policy, capacity)
    assert hits == hits_of_other
    assert cell.tally.tolist() == other.tally.tolist()


@pytest.mark.parametrize("policy", SIZED)
@settings(max_examples=6, deadline=None)
@given(trace=changing())
def test_an_unlimited_cache_misses_new_objects_and_new_sizes_only(policy, trace):
    before: dict[int, int] = {}
    expected = 0
    for page, size in zip(trace.pages.tolist(), trace.access_bytes.tolist(), strict=True):
        expected += before.get(page) == size
        before[page] = size
    row = replay(trace, policy, "unlimited").row
    assert (row["hits"], row["evictions"], row["rejections"]) == (expected, 0, 0)


def test_by_hand():
    # Room for 10 bytes. a, b; a grows and b leaves; a outgrows the cache; c; a is back, and c stays beside it.
    trace = sized([0, 1, 0, 1, 0, 2, 0, 0, 2], [4, 4, 8, 2, 12, 5, 5, 5, 5])
    row = replay(trace, "lru", "10B", windows=9).row
    assert row["series_hits"] == [0, 0, 0, 0, 0, 0, 0, 1, 1]
    # b for a's growth, a itself outgrown, b for a's return: 4 + 4, 8 + 2, 2 + 5, and 2 + 5 + 5 > 10.
    assert (row["evictions"], row["rejections"], row["peak_bytes"]) == (3, 1, 10)
    assert (row["bytes"], row["byte_hits"]) == (50, 10)


def test_capacities_in_pages_look_at_no_size():
    trace = sized([0, 1, 0, 1], [4, 4, 8, 2])
    assert replay(trace, "lru", 2).row["hits"] == bounds(trace, 2)["hits"].upper == 2
    with pytest.raises(
        TraceError, match="no bound is known where objects change size, as in sized; give the capacity in pages"
    ):
        bounds(trace, "10B")


def test_sizes_of_accesses_need_those_of_pages():
    with pytest.raises(TraceError, match="access_bytes without page_bytes; give both"):
        Trace("t", np.zeros(1, np.uint32), 1, access_bytes=np.ones(1, np.int64))
