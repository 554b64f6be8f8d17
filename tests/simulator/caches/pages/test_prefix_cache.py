"""The prefix cache: one request at a time it is the replay; of many at once each reads what it should."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import kvreplay
from kvreplay.policies import PolicyError
from kvreplay.simulator.caches.pages.page_pool import PageError, PagePool
from kvreplay.simulator.caches.pages.prefix_cache import PrefixCache
from kvreplay.simulator.replay import replay
from kvreplay.traces import TraceError
from kvreplay.traces.page_ids import CHAIN_START, chain_key, chain_pages
from tests.oracles.prefix_cache import PrefixLRU
from tests.simulator.caches.pages.content import ArrayContent
from tests.simulator.replay.test_prefix import BY_PAGE, prefix_traces, requests_of, run


def serve(cache: PrefixCache, prompt, **options) -> int:
    """The hits of a request that comes and goes alone."""
    prefix = cache.lookup(np.asarray(prompt, None if len(prompt) else np.int64), **options)
    cache.insert(prefix)
    cache.release(prefix)
    return prefix.hits


@pytest.mark.parametrize("policy", [*BY_PAGE, "lru+tinylfu"])
@settings(max_examples=8, deadline=None)
@given(trace=prefix_traces(), capacity=st.integers(1, 80))
def test_one_request_at_a_time_it_hits_what_the_replay_hits(policy, trace, capacity):
    cell, hits = run(trace, policy, capacity, compiled=False)
    cache = PrefixCache.for_trace(trace, capacity, policy, compiled=False)
    assert [serve(cache, pages) for pages in requests_of(trace)] == hits
    assert np.array_equal(cache._cached, cell.cached)
    stats = cache.stats()
    assert (stats.lookups, stats.pages, stats.hits) == (trace.n_requests, trace.n_accesses, sum(hits))
    assert stats.pinned == 0


def test_on_real_traffic_it_hits_what_the_replay_hits():
    try:
        trace = kvreplay.load("mooncake-conversation")
    except TraceError:
        pytest.skip("no mirror with mooncake-conversation")
    cache = PrefixCache.for_trace(trace, 1_000)
    for start, stop in itertools.pairwise(trace.offsets):
        serve(cache, trace.pages[start:stop])
    assert cache.stats().hits == replay(trace, "lru", 1_000, reading="prefix").row["hits"] == 12_847


prompts = st.lists(st.lists(st.integers(0, 2), max_size=9), min_size=1, max_size=80)


@settings(max_examples=60, deadline=None)
@given(prompts=prompts, salts=st.lists(st.sampled_from(["", "a", "b"]), min_size=80), capacity=st.integers(1, 12))
def test_tokens_hit_what_a_slow_tree_of_them_hits(prompts, salts, capacity):
    """Few numbers for many pages, so that they are used again all the time."""
    cache, slow = PrefixCache(capacity, page_tokens=2), PrefixLRU(capacity)
    for prompt, salt in zip(prompts, salts, strict=False):
        pages = [hash((salt, *prompt[:end])) for end in range(2, len(prompt) + 1, 2)]
        assert serve(cache, prompt, salt=salt) == slow.request(pages)


def test_prompts_of_one_hash_do_not_share():
    """Of many first tokens two leave keys that differ in the low half only; a second token each makes them equal."""
    tokens = np.random.default_rng(0).integers(0, 2**32 - 1, 400_000, dtype=np.uint32)
    keys, _ = chain_pages(tokens, np.arange(len(tokens) + 1, dtype=np.int64), 1)
    order = np.argsort(keys, kind="stable")
    near = np.flatnonzero(keys[order][1:] >> np.uint64(32) == keys[order][:-1] >> np.uint64(32))[0]
    one, other = order[near : near + 2]
    first = np.array([tokens[one], 7], np.int64)
    second = np.array([tokens[other], ((7 + 1) ^ int(keys[one] ^ keys[other])) - 1], np.int64)
    assert chain_key(CHAIN_START, first, 0, 2) == chain_key(CHAIN_START, second, 0, 2)
    cache = PrefixCache(4, page_tokens=2)
    assert [serve(cache, prompt) for prompt in (first, second, first, second)] == [0, 0, 1, 1]


def test_tenants_do_not_see_each_others_pages():
    cache = PrefixCache(9, page_tokens=1)
    assert [serve(cache, [1, 2], salt=salt) for salt in ("a", "b", "", "a", "b", "")] == [0, 0, 0, 2, 2, 2]


def test_what_is_in_use_stays_and_a_cache_full_of_it_takes_nothing():
    cache = PrefixCache(3, page_tokens=1)
    running = cache.lookup(np.array([1, 2, 3]))
    assert cache.insert(running) == 3
    assert serve(cache, [4, 5]) == serve(cache, [4, 5]) == 0
    assert cache.evict(3) == 0
    cache.release(running)
    assert serve(cache, [1, 2, 3, 4]) == 3
    assert cache.evict(2) == 2
    assert serve(cache, [1, 2, 3]) == 1


def test_what_a_request_generates_is_found_by_the_next():
    cache = PrefixCache(9, page_tokens=2)
    running = cache.lookup(np.array([1, 2, 3, 4]))
    cache.insert(running)
    cache.extend(running, np.array([5, 6, 7, 8, 9]))
    assert cache.insert(running) == 4
    cache.release(running)
    assert serve(cache, [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]) == 4


def test_two_that_compute_the_same_page_at_once_end_with_one():
    pool = PagePool(4)
    cache = PrefixCache(4, page_tokens=1, pool=pool)
    first, second = cache.lookup(np.array([1])), cache.lookup(np.array([1]))
    own_first, own_second = pool.create(1), pool.create(1)
    cache.insert(first, own_first)
    cache.insert(second, own_second)
    assert second.ids.tolist() == first.ids.tolist() == own_first.tolist()
    assert pool.holders(own_first).tolist() == [3]
    assert pool.free == 3
    with pytest.raises(PageError, match="was released"):
        pool.read(own_second)


def test_a_tiny_cache_keeps_the_beginning():
    cache = PrefixCache(2, page_tokens=1)
    assert [serve(cache, [1, 2, 3, 4]) for _ in range(2)] == [0, 2]
    assert cache.stats().evictions == 0


@settings(max_examples=40, deadline=None)
@given(prompts=prompts, capacity=st.integers(1, 12), larger=st.integers(1, 30))
def test_after_a_resize_it_is_a_cache_of_that_size(prompts, capacity, larger):
    """LRU forgets nothing by starting anew: with a smaller cache as if it had been so large for long."""
    cache = PrefixCache(capacity, page_tokens=2)
    small = PrefixLRU(capacity)
    for prompt in prompts:
        pages = [hash(tuple(prompt[:end])) for end in range(2, len(prompt) + 1, 2)]
        assert serve(cache, prompt) == small.request(pages)
    assert cache.resize(larger)
    small.capacity = larger
    while len(small.last_use) > larger:
        small.evict(in_use=set())
    for prompt in prompts:
        pages = [hash(tuple(prompt[:end])) for end in range(2, len(prompt) + 1, 2)]
        assert serve(cache, prompt) == small.request(pages)


@pytest.mark.parametrize("policy", ["arc", "s3-fifo", "lirs"])
def test_policies_survive_resizes(policy):
    rng = np.random.default_rng(0)
    cache = PrefixCache(20, policy, page_tokens=1, compiled=False)
    for _ in range(200):
        capacity = int(rng.integers(1, 40))
        assert cache.resize(capacity)
        for _ in range(5):
            serve(cache, rng.integers(0, 3, rng.integers(0, 6)))
        assert cache.stats().cached <= cache.stats().capacity == capacity


class Requests(RuleBasedStateMachine):
    """Overlapping requests of tokens with physical pages: each reads back what its tokens say, whatever others do."""

    @initialize(capacity=st.integers(1, 8), spare=st.integers(0, 8), policy=st.sampled_from(["lru", "arc", "random"]))
    def start(self, capacity, spare, policy):
        self.content = ArrayContent(64, 1)
        self.pool = PagePool(capacity + spare, content=self.content)
        self.cache = PrefixCache(capacity, policy, page_tokens=1, pool=self.pool, compiled=False)
        self.open: list[tuple] = []  # (prefix, what it should read, its ids in the pool)

    def readings(self, salt: str, tokens: list[int]) -> list[int]:
        return [hash((salt, *tokens[: end + 1])) for end in range(len(tokens))]

    def create(self, n: int) -> np.ndarray | None:
        ids = self.pool.create(n)
        if ids is None:
            before = self.pool.free
            left = self.cache.evict(n - before)
            assert self.pool.free == before + left  # what no request uses is held by the cache alone
            ids = self.pool.create(n)
        return ids

    @rule(tokens=st.lists(st.integers(0, 1), max_size=5), salt=st.sampled_from(["", "a"]))
    def look_up(self, tokens, salt):
        prefix = self.cache.lookup(np.array(tokens, np.int64), salt)
        expected = self.readings(salt, tokens)
        assert self.content.values[self.pool.read(prefix.ids), 0].tolist() == expected[: prefix.hits]
        own = self.create(len(tokens) - prefix.hits)
        if own is None:
            self.cache.release(prefix)
            self.pool.release(prefix.ids)
            return
        self.content.values[self.pool.read(own), 0] = expected[prefix.hits :]
        self.open.append((prefix, salt, tokens, np.concatenate([prefix.ids, own])))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def insert(self, data):
        which = data.draw(st.integers(0, len(self.open) - 1))
        prefix, salt, tokens, ids = self.open[which]
        held = self.cache.insert(prefix, ids[prefix.held :])
        ids = np.concatenate([prefix.ids, ids[held:]])
        self.open[which] = (prefix, salt, tokens, ids)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), token=st.integers(0, 1))
    def generate(self, data, token):
        which = data.draw(st.integers(0, len(self.open) - 1))
        own = self.create(1)
        if own is None:
            return
        prefix, salt, tokens, ids = self.open[which]
        tokens = [*tokens, token]
        self.content.values[self.pool.read(own), 0] = self.readings(salt, tokens)[-1]
        self.cache.extend(prefix, np.array([token]))
        self.open[which] = (prefix, salt, tokens, np.concatenate([ids, own]))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def finish(self, data):
        prefix, _, _, ids = self.open.pop(data.draw(st.integers(0, len(self.open) - 1)))
        self.cache.release(prefix)
        self.pool.release(ids[::-1])
        with pytest.raises(PageError, match="prefix was released"):
            self.cache.release(prefix)

    @rule(capacity=st.integers(1, 8))
    def resize(self, capacity):
        pinned = self.cache.stats().pinned
        assert self.cache.resize(capacity) == (capacity >= pinned)

    @invariant()
    def everyone_reads_what_they_should(self):
        held: Counter = Counter()
        pinned: Counter = Counter()
        for prefix, salt, tokens, ids in self.open:
            assert self.content.values[self.pool.read(ids), 0].tolist() == self.readings(salt, tokens)
            held.update(ids.tolist())
            pinned.update(prefix.pages[: prefix.held].tolist())
        cache, stats = self.cache, self.cache.stats()
        cached = np.flatnonzero(cache._cached)
        assert len(cached) == stats.cached <= stats.capacity
        assert stats.pinned == len(pinned)
        assert {page: int(cache._pins[page]) for page in cached.tolist() if cache._pins[page]} == pinned
        parents = cache._parent_seen[cached]
        assert cache._cached[parents[parents >= 0]].all()
        # Free and used are all; every page is held by the requests that have it and, where cached, by the cache.
        held.update(cache._ids[cached].tolist())
        pool = self.pool.stats()
        assert (pool.physical, pool.logical) == (len(held), held.total())
        assert self.pool.holders(np.array(list(held), np.int32)).tolist() == list(held.values())


TestRequests = Requests.TestCase
TestRequests.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda cache: PrefixCache(0), PageError, "capacity 0: is out of range"),
        (lambda cache: PrefixCache(1, page_tokens=0), PageError, "page_tokens 0: is out of range"),
        (lambda cache: PrefixCache(1, "vllm-lru"), PolicyError, "must know the trace"),
        (lambda cache: PrefixCache(1, "belady"), PolicyError, "must know the trace"),
        (lambda cache: PrefixCache(1, "lru+adaptsize"), PolicyError, "by their size"),
        (lambda cache: cache.resize(0), PageError, "capacity 0: is out of range"),
        (lambda cache: cache.evict(-1), PageError, "evict: pages -1: is out of range"),
        (lambda cache: cache.lookup(np.array([0.5])), PageError, "tokens are 1-d float64"),
        (lambda cache: cache.lookup(np.array([-1, 2])), PageError, "token -1: is out of range"),
        (lambda cache: cache.lookup(np.array([1, 2**32])), PageError, "token 4294967296: is out of range"),
        (lambda cache: PrefixCache(1).release(cache.lookup(np.array([1]))), PageError, "prefix is of another cache"),
        (lambda cache: cache.insert(cache.lookup(np.array([1]))), PageError, "insert: none page ids for 1 pages"),
        (lambda cache: cache.insert(cache.lookup(np.array([1])), [5]), PageError, "read: id 5 names page 5"),
        (lambda cache: PrefixCache(1).insert(cache.lookup(np.array([1])), [5]), PageError, "another cache"),
    ],
)
def test_errors_are_one_line_and_change_nothing(call, error, message):
    cache = PrefixCache(4, page_tokens=1, pool=PagePool(8))
    with pytest.raises(error, match=message) as told:
        call(cache)
    assert "\n" not in str(told.value)
    assert cache.stats().cached == cache.pool.stats().physical == 0


def test_a_traces_pages_come_in_its_order():
    trace = kvreplay.generate("conversation", sessions=3, seed=0)
    cache = PrefixCache.for_trace(trace, 10)
    first = requests_of(trace)[0]
    with pytest.raises(PageError, match="do not follow each other"):
        cache.lookup(np.array(first[1:]))
    with pytest.raises(PageError, match="leave it out"):
        cache.lookup(np.array(first), salt="a")
    with pytest.raises(PageError, match="is out of range"):
        cache.lookup(np.array([trace.n_pages]))


SCENARIO = """
import sys
sys.modules.update(dict.fromkeys(sys.argv[1:]))
import numpy as np
from kvreplay.simulator.caches.pages import PrefixCache
rng = np.random.default_rng(0)
cache = PrefixCache(30, page_tokens=2)
for _ in range(200):
    prefix = cache.lookup(rng.integers(0, 2, rng.integers(0, 20)))
    cache.insert(prefix)
    cache.release(prefix)
print(cache.stats())
"""


def test_it_runs_the_same_without_numba():
    with_numba, without = (
        subprocess.run([sys.executable, "-c", SCENARIO, *blocked], check=True, capture_output=True, text=True).stdout
        for blocked in ([], ["numba", "polars"])
    )
    assert with_numba == without != ""
