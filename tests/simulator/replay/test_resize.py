"""Capacities that change during a replay: hits are those of slow caches that change with them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvreplay
from kvreplay.policies import get, names
from kvreplay.simulator.caches.sizing import SizingError
from kvreplay.simulator.replay import replay
from kvreplay.simulator.replay.cell import Cell
from kvreplay.traces.trace import Trace
from tests.oracles.object_cache import ObjectLRU
from tests.oracles.policies import TWINS
from tests.oracles.prefix_cache import PrefixLRU
from tests.policies.test_policies import page_traces

from .test_prefix import prefix_traces, requests_of
from .test_resized import changing

RESIZABLE = [name for name in names() if get(name).hooks.resizable]
Schedule = tuple[int, list[int]]  # each of the capacities in turn for so many requests
schedules = st.tuples(st.integers(1, 40), st.lists(st.integers(1, 60), min_size=1, max_size=6))


class RollingClock(TWINS["clock"]):
    """A clock whose face has no places: the hand puts a page that stays behind the newest."""

    def enter(self, page):
        self.counter[page] = 0
        self.face.append(page)

    def leave(self):
        while self.counter[self.face[0]] > 0:
            self.counter[self.face[0]] -= 1
            self.face.append(self.face.pop(0))
        return self.face.pop(0)


class Scheduled:
    """A controller that knows beforehand what it will say."""

    def __init__(self, schedule: Schedule) -> None:
        self.period, capacities = schedule
        self._coming = itertools.cycle([*capacities[1:], capacities[0]])
        self.seen: list[tuple[int, int]] = []

    def observe(self, pages: np.ndarray, hit: np.ndarray) -> None:
        self.seen += zip(pages.tolist(), hit.tolist(), strict=True)

    def decide(self, capacity: int) -> int:
        return next(self._coming)


def capacity_at(request: int, schedule: Schedule) -> int:
    period, capacities = schedule
    return capacities[request // period % len(capacities)]


def run(trace: Trace, policy: str, schedule: Schedule, *where: str, **options) -> tuple[Cell, list[bool]]:
    """The cell after the replay, and its hits, which the controller saw as well."""
    controller = Scheduled(schedule)
    cell = Cell(trace, get(policy), capacity_at(0, schedule), *where, controller=controller, **options)
    hits = [bool(byte) for *_, hit in cell.chunks(3) for byte in hit.copy()]
    assert controller.seen == list(zip(trace.pages.tolist(), hits, strict=True))
    return cell, hits


@pytest.mark.parametrize("policy", RESIZABLE)
@settings(max_examples=25, deadline=None)
@given(trace=page_traces(), schedule=schedules)
def test_hits_are_those_of_a_twin_that_is_resized(policy, trace, schedule):
    twin = (TWINS | {"clock": RollingClock})[policy](capacity_at(0, schedule), trace.pages.tolist())
    expected = []
    for number, page in enumerate(trace.pages.tolist()):
        twin.capacity = capacity_at(number, schedule)
        twin.now += 1  # who leaves is asked when the next access is known
        while len(twin.cached) > twin.capacity:
            twin.cached.remove(twin.leave())
        twin.now -= 1
        expected.append(twin.access(page))
    cell, hits = run(trace, policy, schedule, compiled=False)
    assert hits == expected
    assert set(np.flatnonzero(cell.cached)) == twin.cached


@pytest.mark.parametrize("reading", ["independent", "prefix"])
@settings(max_examples=25, deadline=None)
@given(trace=prefix_traces(), schedule=schedules)
def test_compiled_and_plain_python_agree(reading, trace, schedule):
    (cell, hits), (plain, same) = (run(trace, "lru", schedule, reading, compiled=c) for c in (True, False))
    assert hits == same
    assert cell.tally.tolist() == plain.tally.tolist()


@settings(max_examples=60, deadline=None)
@given(trace=prefix_traces(), schedule=schedules)
def test_prefixes_shrink_from_their_ends(trace, schedule):
    slow = PrefixLRU(capacity_at(0, schedule))
    expected = []
    for number, pages in enumerate(requests_of(trace)):
        slow.capacity = capacity_at(number, schedule)
        while len(slow.last_use) > slow.capacity:
            slow.evict(in_use=set())
        expected.append(slow.request(pages))
    hits = run(trace, "lru", schedule, "prefix")[1]
    assert np.add.reduceat(hits, trace.offsets[:-1]).tolist() == expected


@settings(max_examples=60, deadline=None)
@given(trace=changing(), schedule=schedules, changes=st.booleans())
def test_objects_leave_until_the_rest_fits(trace, schedule, changes):
    if not changes:
        trace = Trace("sized", trace.pages, trace.n_pages, page_bytes=trace.page_bytes)
    sizes = trace.access_bytes if changes else trace.page_bytes[trace.pages]
    slow = ObjectLRU(capacity_at(0, schedule))
    expected = []
    for number, (page, size) in enumerate(zip(trace.pages.tolist(), sizes.tolist(), strict=True)):
        slow.capacity = capacity_at(number, schedule)
        while sum(entry.size or 0 for entry in slow.entries.values()) > slow.capacity:
            slow.entries.popitem(last=False)
        expected.append(slow.access(page, size))
    assert run(trace, "lru", schedule, sized=True)[1] == expected


def test_a_row_tells_how_the_capacity_moved():
    # Never a hit: up by a tenth after every 10 requests, to twice the start. The warm-up ends at request 20.
    trace = kvreplay.generate("scan", requests=60)
    row = replay(trace, "lru", 10, sizing="hit-ratio:period=10:largest=1.3", windows=4, warmup=1 / 3).row
    assert row["sizing"] == "hit-ratio:largest=1.3:period=10"
    assert row["series_capacity"] == [12, 13, 13, 13]
    assert (row["capacity"], row["mean_capacity"], row["final_capacity"]) == (10, 12.75, 13)
    assert (row["resizes"], row["reversals"]) == (1, 0)
    assert (row["evictions"], row["peak_pages"]) == (38, 13)
    fixed = replay(trace, "lru", 10, windows=2).row
    assert [fixed[name] for name in ("sizing", "mean_capacity", "final_capacity", "resizes")] == [None, 10, 10, 0]
    assert fixed["series_capacity"] == [10, 10]


@pytest.mark.parametrize("policy", ["arc", "s3-fifo", "vllm-lru", "lru+bloom"])
def test_policies_built_for_one_capacity_are_refused(policy):
    trace = kvreplay.generate("agent", sessions=2)
    reading = "prefix" if policy == "vllm-lru" else "independent"
    with pytest.raises(SizingError, match=r"built for one capacity; to resize, use one of clock, fifo, .*sieve$"):
        replay(trace, policy, 10, reading=reading, sizing="hit-ratio")
