"""One battery that every registered policy passes: equal to its twin, compiled or not, and within the contract.

Policies for the prefix reading alone have theirs in `test_prefix_policies.py`.
"""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Hashable, Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.policies import get, names
from kvreplay.simulator.replay import loops, replay
from kvreplay.simulator.replay.cell import Cell
from kvreplay.traces.trace import Trace
from tests.oracles.policies import TWINS

OFFLINE = ("belady", "belady-bypass")
ANY_READING = [name for name in names() if get(name).hooks.reading is None]


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


def trace_of(accesses: Iterable[Hashable]) -> Trace:
    ids: dict[Hashable, int] = {}
    pages = [ids.setdefault(key, len(ids)) for key in accesses]
    return Trace("given", np.array(pages, np.uint32), len(ids))


def hits_of(trace: Trace, policy: str, capacity: int, **options) -> list[bool]:
    cell = Cell(trace, get(policy), capacity, **options)
    return [bool(byte) for *_, hit in cell.chunks(3) for byte in hit.copy()]


def test_every_policy_has_a_twin():
    assert set(names()) == set(TWINS)


@pytest.mark.parametrize("policy", ANY_READING)
@settings(max_examples=40, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 100), seed=st.integers(0, 5))
def test_hits_are_those_of_the_slow_twin(policy, trace, capacity, seed):
    twin = TWINS[policy](capacity, trace.pages.tolist(), seed)
    expected = [twin.access(page) for page in trace.pages.tolist()]
    obtained = hits_of(trace, policy, capacity, seed=seed)
    if policy in OFFLINE:
        # Several pages may never come again; which of them leaves is open, and changes no count.
        assert sum(obtained) == sum(expected)
    else:
        assert obtained == expected


@settings(max_examples=40, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 60), period=st.sampled_from([1, 10, 100]))
def test_gittins_learns_as_its_twin_does(trace, capacity, period):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kvreplay.policies.gittins._LEAST_PERIOD", period)  # short traces see no index computed otherwise
        patch.setattr(TWINS["gittins"], "least_period", period)
        twin = TWINS["gittins"](capacity, trace.pages.tolist())
        assert hits_of(trace, "gittins", capacity) == [twin.access(page) for page in trace.pages.tolist()]


def test_gittins_keeps_what_comes_back_later():
    """Of 20 new pages 4 come back after 20 accesses. LRU loses them all; to keep 12 of the 20 saves 3 in 5 at best."""
    rounds = [
        [*(10 * n + i for i in range(4)), *(10**6 + 100 * n + i for i in range(16)), *(10 * n + i for i in range(4))]
        for n in range(400)
    ]
    trace = trace_of(itertools.chain.from_iterable(rounds))
    assert sum(hits_of(trace, "lru", 12)) == 0
    assert sum(hits_of(trace, "gittins", 12)) > 1 / 4 * 4 * 400


@pytest.mark.parametrize(
    ("policy", "twin", "attributes"),
    [
        ("clock:bits=3", "clock", {"bits": 3}),
        ("slru:segments=2", "slru", {"count": 2}),
        ("2q:a1in=0.5:a1out=2", "2q", {"share_in": 0.5, "share_out": 2}),
        ("lru-k:k=3", "lru-k", {"k": 3}),
        ("lru-k-no-history:k=3", "lru-k-no-history", {"k": 3}),
        ("lru-k:k=1", "lru", {}),
        ("slru:segments=1", "lru", {}),
    ],
)
@settings(max_examples=20, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 100))
def test_parameters_change_what_they_say(policy, twin, attributes, trace, capacity):
    twin = type("Twin", (TWINS[twin],), attributes)(capacity, trace.pages.tolist())
    assert hits_of(trace, policy, capacity) == [twin.access(page) for page in trace.pages.tolist()]


@pytest.mark.parametrize("policy", ANY_READING)
@settings(max_examples=10, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 100))
def test_compiled_and_plain_python_agree(policy, trace, capacity):
    assert hits_of(trace, policy, capacity) == hits_of(trace, policy, capacity, compiled=False)


@pytest.mark.parametrize("policy", ANY_READING)
@settings(max_examples=20, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 100))
def test_books_balance_at_the_end(policy, trace, capacity):
    cell = Cell(trace, get(policy), capacity)
    hits = sum(int(hit.sum()) for *_, hit in cell.chunks(1))
    cached = np.flatnonzero(cell.cached)
    misses = trace.n_accesses - hits
    assert cell.tally[loops.USED] == len(cached) == min(capacity, trace.n_pages)
    assert cell.tally[loops.EVICTIONS] == misses - cell.tally[loops.REJECTIONS] - len(cached)
    # The policy knows exactly the cached pages: it can give up each of them, and no other.
    evict = cell.policy.hooks.decide
    assert sorted(int(evict(cell.state, trace.n_accesses - 1)) for _ in cached) == cached.tolist()


@pytest.mark.parametrize("policy", ANY_READING)
@settings(max_examples=10, deadline=None)
@given(trace=page_traces(), beyond=st.integers(0, 50))
def test_a_cache_of_the_whole_footprint_has_only_compulsory_misses(policy, trace, beyond):
    assert sum(hits_of(trace, policy, trace.n_pages + beyond)) == trace.n_accesses - trace.n_pages


@pytest.mark.parametrize("policy", ANY_READING)
@settings(max_examples=15, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 60))
def test_no_policy_beats_belady(policy, trace, capacity):
    cell = Cell(trace, get(policy), capacity)
    hits = sum(int(hit.sum()) for *_, hit in cell.chunks(1))
    bound = "belady-bypass" if cell.tally[loops.REJECTIONS] else "belady"
    assert hits <= sum(hits_of(trace, bound, capacity))


@pytest.mark.parametrize(("policy", "may_bypass"), [("belady", False), ("belady-bypass", True)])
@settings(max_examples=60, deadline=None)
@given(accesses=st.text("abcdef", min_size=1, max_size=14), capacity=st.integers(1, 4))
def test_belady_is_the_best_of_all_choices(policy, may_bypass, accesses, capacity):
    @functools.cache
    def most_hits(now: int, cached: frozenset[str]) -> int:
        if now == len(accesses):
            return 0
        page = accesses[now]
        if page in cached:
            return 1 + most_hits(now + 1, cached)
        rest = [cached] if len(cached) < capacity else [cached - {victim} for victim in cached]
        choices = [others | {page} for others in rest] + [cached] * may_bypass
        return max(most_hits(now + 1, choice) for choice in choices)

    assert sum(hits_of(trace_of(accesses), policy, capacity)) == most_hits(0, frozenset())


@pytest.mark.parametrize("policy", [name for name in names() if get(name).hooks.sized])
@settings(max_examples=15, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 60), factor=st.integers(1, 1000))
def test_equal_sizes_in_bytes_are_the_same_cache(policy, trace, capacity, factor):
    sized = Trace("sized", trace.pages, trace.n_pages, page_bytes=np.full(trace.n_pages, factor, np.int64))
    assert hits_of(sized, policy, capacity * factor, sized=True) == hits_of(trace, policy, capacity)


@pytest.mark.parametrize("policy", [name for name in names() if get(name).hooks.sized])
@settings(max_examples=15, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 300), factor=st.integers(2, 1000), seed=st.integers(0, 99))
def test_scaling_all_sizes_and_the_capacity_changes_nothing(policy, trace, capacity, factor, seed):
    sizes = np.random.default_rng(seed).integers(1, 20, trace.n_pages)
    once, scaled = (Trace("sized", trace.pages, trace.n_pages, page_bytes=sizes * f) for f in (1, factor))
    assert hits_of(once, policy, capacity, sized=True) == hits_of(scaled, policy, capacity * factor, sized=True)


@settings(max_examples=40, deadline=None)
@given(trace=page_traces(), capacity=st.integers(1, 300), seed=st.integers(0, 99))
def test_gdsf_weighs_sizes_and_costs(trace, capacity, seed):
    # A size of 1 keeps the common divisor at 1. All are powers of two: products and quotients are exact.
    sizes, costs = 2 ** np.random.default_rng(seed).integers(0, 6, (2, trace.n_pages))
    sizes[0] = 1
    age, cached, expected = 0.0, {}, []  # page -> key, access at which it reached the key, uses
    for now, page in enumerate(trace.pages.tolist()):
        expected.append(page in cached)
        if sizes[page] > capacity:
            continue
        while page not in cached and sum(sizes[p] for p in cached) + sizes[page] > capacity:
            age = cached.pop(min(cached, key=cached.__getitem__))[0]
        uses = cached[page][2] + 1 if page in cached else 1
        cached[page] = (age + uses * costs[page] / sizes[page], now, uses)
    trace = Trace("sized", trace.pages, trace.n_pages, page_bytes=sizes)
    assert hits_of(trace, "gdsf", capacity, sized=True, page_cost=costs.astype(float)) == expected


# What these learn shows after thousands of accesses only.
LEARNERS = ("adaptive", "cacheus", "lecar", "lhd", "w-tinylfu", "w-tinylfu-80-20", "w-tinylfu-climb")


@pytest.mark.parametrize(("policy", "capacity"), [*itertools.product(LEARNERS, (3, 32)), ("w-tinylfu-climb", 200)])
def test_hits_are_those_of_the_slow_twin_in_the_long_run(policy, capacity):
    rng = np.random.default_rng(3)
    scale = -(-capacity // 40)
    phases = [
        rng.zipf(1.2, 3000 * scale) % (300 * scale),
        np.tile(np.arange(60 * scale), 30),
        10_000 + rng.integers(0, 50 * scale, 2000 * scale),
    ]
    trace = trace_of(np.concatenate([*phases, *phases]).tolist())
    twin = TWINS[policy](capacity, trace.pages.tolist(), 5)
    assert hits_of(trace, policy, capacity, seed=5) == [twin.access(page) for page in trace.pages.tolist()]


def test_the_climbing_window_follows_the_workload():
    # Every page a few times in quick succession, then never again: what was frequent tells nothing.
    keys = np.repeat(np.arange(20_000), 4) + np.random.default_rng(0).integers(0, 60, 80_000)
    fixed, climbing = (replay(trace_of(keys.tolist()), name, 100).row for name in ("w-tinylfu", "w-tinylfu-climb"))
    assert json.loads(climbing["policy_stats"])["window"] > 50
    assert climbing["hits"] > 1.1 * fixed["hits"]


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
        ("belady-bypass", "abcab", 2, "00011"),  # c never comes again
        ("cacheus", "abacab", 2, "001010"),  # both experts name b, then c
        ("gdsf", "aabcbcb", 2, "0100011"),  # a and c have the key 2 when b comes back, and a had it first
        ("gittins", "abcabdab", 3, "00011011"),  # LRU until it has learned
        ("hyperbolic", "baaabca", 2, "0011101"),  # b: 2 uses in 5 accesses, a: 3 in 4
        ("hyperbolic", "aabca", 2, "01000"),  # a: 2 uses in 3 accesses, b: 1 in 1
        ("lecar", "abacab", 2, "001010"),  # both experts name b, then c
        ("lhd", "aabcda", 2, "010001"),  # a, hit at age 1, has density 11 / 3 when c comes, b 1 / 2
        ("lirs", "abcdabcdca", 3, "0000110001"),  # a and b are LIR; c becomes it at its last use, and a HIR
        ("qd-lp-fifo", "abcdabcab", 3, "000000001"),  # a, b, c come back by the ghost queue, and c makes main drop a
        ("qd-lp-fifo", "aabcda", 3, "010001"),  # a was used on probation
        ("w-tinylfu-climb", "aabca", 2, "01001"),  # b, seen once, loses against a, seen twice
        ("clock", "abcadabca", 3, "000101001"),  # d passes a, which was used, and takes b; FIFO would take a
        ("clock", "aaabcda", 2, "0110000"),  # c passes a, d takes it
        ("clock:bits=2", "aaabcda", 2, "0110001"),  # a, used twice, is passed by c and by d
        ("mru", "abcabc", 2, "000101"),
        ("slru", "abcdaebadec", 4, "00001001101"),  # one segment each: a's hit sends b down, and e takes it
        ("2q", "abcdeaafbgdhab", 4, "00000010000001"),  # a, b and d come back from A1out; h makes Am drop a
        ("arc", "abacbabdb", 2, "001000101"),  # p: 1 at the second b, 0 at the third a
        ("arc", "abccddaefbddebdf", 3, "0001010000010000"),  # p stops at 3 at the second e; else f would stay
        ("car", "ababcdcbdcede", 2, "0011000100000"),  # p stops at 2 at the second d; else the first e would stay
        ("car", "abacbadba", 2, "001001001"),  # c passes a on to T2; p: 1 at the second b, 0 at the third
        ("lru-k", "abacbcba", 2, "00100010"),  # b and c come back with a history of two uses, and a leaves
        ("lru-k-no-history", "abacbcba", 2, "00100001"),
        ("lfuda", "aaabcdedad", 2, "0110000101"),  # age 2 when d comes: key 3, as a, which had it first and leaves
    ],
)
def test_by_hand(policy, accesses, capacity, hits):
    assert "".join(str(int(hit)) for hit in hits_of(trace_of(accesses), policy, capacity)) == hits
