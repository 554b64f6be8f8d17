"""A cache for each tenant: hits are those of as many slow caches, resized together."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvreplay
from kvreplay.policies import get
from kvreplay.simulator.replay import loops, replay
from kvreplay.simulator.replay.partition import Partition
from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace
from tests.oracles.policies import TWINS
from tests.policies.test_policies import page_traces


class Scheduled:
    """A sizing, and its divider, that knows beforehand what it will say."""

    def __init__(self, period: int, divisions: list[list[int]]) -> None:
        self.period, self.divisions = period, divisions
        self._coming = itertools.cycle([*divisions[1:], divisions[0]])
        self.seen: list[list[int]] = []

    def start_division(self, capacity, parts, weights=None):
        self.capacities = self.divisions[0][:parts]
        self.seen = [[] for _ in range(parts)]
        return self

    def observe(self, part, pages, worth):
        assert worth == len(pages)
        self.seen[part] += pages.tolist()

    def decide(self):
        self.capacities = next(self._coming)[: len(self.capacities)]
        return self.capacities


@settings(max_examples=60, deadline=None)
@given(
    trace=page_traces(),
    seed=st.integers(0, 99),
    period=st.integers(1, 50),
    divisions=st.lists(st.lists(st.integers(1, 40), min_size=3, max_size=3), min_size=1, max_size=4),
    warmup=st.floats(0, 0.9),
)
def test_hits_are_those_of_a_cache_for_each_tenant(trace, seed, period, divisions, warmup):
    tenants = np.random.default_rng(seed).integers(0, 3, trace.n_requests).astype(np.int32)
    trace = Trace("t", trace.pages, trace.n_pages, tenant=tenants)
    schedule = Scheduled(period, divisions)
    cell = Partition(trace, get("lru"), sum(divisions[0]), sizing=schedule)
    present = sorted(set(tenants.tolist()))
    caches = [TWINS["lru"](share, trace.pages.tolist()) for share in divisions[0][: len(present)]]
    expected = []
    for number, (page, tenant) in enumerate(zip(trace.pages.tolist(), tenants.tolist(), strict=True)):
        for cache, share in zip(caches, divisions[number // period % len(divisions)], strict=False):
            cache.capacity = share
            while len(cache.cached) > share:
                cache.cached.remove(cache.leave())
        expected.append(caches[present.index(tenant)].access(page))
    first = int(warmup * trace.n_requests)
    cell.warm_up(first)
    assert [bool(byte) for *_, hit in cell.chunks(3) for byte in hit] == expected[first:]
    for tenant, seen in zip(present, schedule.seen, strict=True):
        own = trace.pages[tenants == tenant].tolist()
        assert seen == [list(dict.fromkeys(own)).index(page) for page in own], "each tenant's pages as first seen"
    assert cell.tally[loops.USED] == sum(len(cache.cached) for cache in caches)
    told = cell.told
    for tenant in present:
        own = [i for i in np.flatnonzero(tenants == tenant) if i >= first]
        assert sum(told[f"tenant {tenant}"]["accesses"]) == len(own)
        assert sum(told[f"tenant {tenant}"]["hits"]) == sum(expected[i] for i in own)


def test_one_tenant_with_all_of_it_is_one_cache():
    trace = kvreplay.generate("mix", requests=3000, parts=[{"workload": "conversation", "sessions": 1000}])
    for reading in ("independent", "prefix"):
        alone, divided = (replay(trace, "lru", 500, reading=reading, sizing=sizing).row for sizing in (None, "shares"))
        told = {"hits": alone["series_hits"], "capacity": alone["series_capacity"]}
        assert json.loads(divided["parts"]) == {"tenant 0": {"accesses": alone["series_pages"], **told}}
        same = [name for name in alone if name not in ("sizing", "parts")]
        assert [alone[name] for name in same] == [divided[name] for name in same]


def test_a_trace_without_tenants_is_refused():
    with pytest.raises(TraceError, match="sizing shares: zipf:requests=10 has no tenants to divide among; use a trace"):
        replay(kvreplay.generate("zipf", requests=10), "lru", 5, sizing="shares")
