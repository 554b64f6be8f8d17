"""Rows: every figure recounted in plain Python from the hits of a slow cache, and the known figures of real traces."""

from __future__ import annotations

import itertools
import json
import os
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvreplay
from kvreplay.policies import PolicyError
from kvreplay.simulator.replay import curve, lru_curve, replay, sweep
from kvreplay.simulator.replay.row import COLUMNS, TIMINGS
from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace

from .test_prefix import prefix_traces, requests_of


def slow_lru_hits(trace: Trace, capacity: int) -> list[list[bool]]:
    cache: OrderedDict[int, None] = OrderedDict()
    hits = []
    for pages in requests_of(trace):
        hits.append([])
        for page in pages:
            hits[-1].append(page in cache)
            if page not in cache and len(cache) == capacity:
                cache.popitem(last=False)
            cache[page] = None
            cache.move_to_end(page)
    return hits


@settings(max_examples=60, deadline=None)
@given(trace=prefix_traces(), data=st.data())
def test_every_figure_of_a_row(trace, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    capacity = data.draw(st.integers(1, trace.n_pages))
    windows = data.draw(st.integers(1, 200))
    counts = np.diff(trace.offsets)
    prompts = (counts * 16 - rng.integers(0, 16, len(counts))).astype(np.int32)
    sizes = rng.integers(1, 100, trace.n_pages)
    trace = Trace(
        "t",
        trace.pages,
        trace.n_pages,
        trace.page_offsets,
        prompt_tokens=prompts,
        page_bytes=sizes,
        page_tokens=16,
    )
    hits = slow_lru_hits(trace, capacity)
    prefixes = [[*h, False].index(False) for h in hits]
    flat = [hit for h in hits for hit in h]
    requests = requests_of(trace)
    row = replay(trace, "lru", capacity, windows=windows).row
    assert list(row) == list(COLUMNS)
    assert (row["requests"], row["pages"], row["hits"]) == (len(requests), len(flat), sum(flat))
    assert row["prefix_hits"] == sum(prefixes)
    assert row["tokens"] == prompts.sum()
    assert row["tokens_saved"] == sum(min(16 * p, int(n)) for p, n in zip(prefixes, prompts, strict=True))
    assert row["requests_hit"] == sum(all(h) for h in hits)
    mean = sum(p / len(h) for p, h in zip(prefixes, hits, strict=True)) / len(hits)
    assert row["request_mean_hit_ratio"] == pytest.approx(mean)
    assert row["bytes"] == sum(int(sizes[page]) for pages in requests for page in pages)
    assert row["byte_hits"] == sum(int(sizes[page]) for page, hit in zip(trace.pages, flat, strict=True) if hit)
    assert row["evictions"] == len(flat) - sum(flat) - min(capacity, trace.n_pages)
    assert row["peak_pages"] == min(capacity, trace.n_pages)
    for part, whole in (
        ("hits", "pages"),
        ("prefix_hits", "pages"),
        ("tokens_saved", "tokens"),
        ("byte_hits", "bytes"),
    ):
        ratio = {"hits": "hit_ratio", "tokens_saved": "token_hit_ratio"}.get(part, part[:-1] + "_ratio")
        assert row[ratio] == row[part] / row[whole]
    edges = np.linspace(0, len(requests), min(windows, len(requests)) + 1).astype(int)
    assert row["series_hits"] == [sum(map(sum, hits[a:b])) for a, b in itertools.pairwise(edges)]
    saved = [min(16 * p, int(n)) for p, n in zip(prefixes, prompts, strict=True)]
    for name, each in (("prefix_hits", prefixes), ("tokens", prompts.tolist()), ("tokens_saved", saved)):
        assert row[f"series_{name}"] == [sum(each[a:b]) for a, b in itertools.pairwise(edges)]
    assert row["series_pages"] == [sum(map(len, hits[a:b])) for a, b in itertools.pairwise(edges)]


def test_a_key_trace_counts_each_access_as_a_request():
    trace = Trace("keys", np.array([0, 1, 0, 2, 0, 1], np.uint32), 3)
    result = replay(trace, "lru", 2)
    row = result.row
    assert row["hits"] == row["prefix_hits"] == row["requests_hit"] == 2
    assert row["hit_ratio"] == row["request_mean_hit_ratio"] == 2 / 6
    assert row["tokens"] is None
    assert row["byte_hit_ratio"] is None
    assert set(result.timings) == {name for name in TIMINGS if not name.endswith("lookup_us")}
    assert "offsets" not in trace.__dict__  # never written out: it would treble the memory of the trace


def test_objects_of_different_sizes():
    # Room for 10 bytes: a and b fit; c pushes out a; d is larger than the cache and changes nothing.
    sizes = np.array([6, 4, 5, 11], np.int64)
    trace = Trace("sized", np.array([0, 1, 2, 3, 1, 2, 0, 2], np.uint32), 4, page_bytes=sizes)
    row = replay(trace, "lru", "10B").row
    assert (row["hits"], row["evictions"], row["rejections"]) == (2, 4, 1)
    assert (row["bytes"], row["byte_hits"]) == (46, 9)
    assert (row["capacity_unit"], row["peak_bytes"], row["peak_pages"]) == ("bytes", 10, None)


@pytest.mark.parametrize("reading", ["independent", "prefix"])
@settings(max_examples=40, deadline=None)
@given(trace=prefix_traces(), data=st.data())
def test_no_figure_counts_the_warm_up(reading, trace, data):
    """Requests one by one, without a warm-up, tell what each of them adds."""
    capacity = data.draw(st.integers(1, trace.n_pages))
    warmup = data.draw(st.floats(0, 1, exclude_max=True))
    first = int(warmup * trace.n_requests)
    whole = replay(trace, "sieve", capacity, reading=reading, windows=trace.n_requests).row
    warm = replay(trace, "sieve", capacity, reading=reading, windows=trace.n_requests, warmup=warmup).row
    for name in ("pages", "hits", "prefix_hits", "tokens", "tokens_saved"):
        assert warm[f"series_{name}"] == whole[f"series_{name}"][first:]
        assert warm[name] == sum(whole[f"series_{name}"][first:])
    assert warm["hit_ratio"] == warm["hits"] / warm["pages"]
    assert warm["requests"] == trace.n_requests - first
    ratios = np.array(whole["series_prefix_hits"][first:]) / np.diff(trace.offsets)[first:]
    assert warm["requests_hit"] == sum(ratios == 1)
    assert warm["request_mean_hit_ratio"] == pytest.approx(ratios.mean())
    pages = trace.pages[: trace.offsets[first]]
    if reading == "independent":
        # Every miss is cached, and evicts what there is no room beside.
        room = capacity - min(capacity, len(set(pages.tolist())))
        assert warm["evictions"] == max(warm["pages"] - warm["hits"] - room, 0)
        assert warm["peak_pages"] == min(capacity, trace.n_pages)
    assert (warm["warmup"], whole["warmup"]) == (warmup, 0)


def test_what_was_evicted_and_used_in_the_warm_up_is_not_told():
    # Room for 10 bytes: a and b fill it, c evicts both; the last request finds 9 bytes.
    trace = Trace("sized", np.array([0, 1, 2, 2], np.uint32), 3, page_bytes=np.array([6, 4, 9], np.int64))
    row = replay(trace, "lru", "10B", warmup=0.75).row
    assert [row[name] for name in ("requests", "hits", "evictions", "peak_bytes", "bytes")] == [1, 1, 0, 9, 9]


def test_curves_know_of_warm_ups():
    trace = kvreplay.generate("zipf", requests=5000, keys=300, seed=1)
    line = curve(trace, "lru", warmup=0.5)
    assert line.hits.tolist() == [replay(trace, "lru", c, warmup=0.5).row["hits"] for c in line.capacity.tolist()]
    assert line.hit_ratio[-1] == line.hits[-1] / 2500


@settings(max_examples=40, deadline=None)
@given(trace=prefix_traces())
def test_lru_curve_is_lru_at_every_capacity(trace):
    whole = lru_curve(trace)
    for capacity in range(1, trace.n_pages + 1):
        assert whole.hits[capacity - 1] == sum(map(sum, slow_lru_hits(trace, capacity)))


def test_curve_of_another_policy_is_its_replays():
    trace = kvreplay.generate("zipf", requests=5000, keys=300, seed=1)
    line = curve(trace, "sieve", [10, 50, "100%"])
    assert line.capacity.tolist() == [10, 50, trace.n_pages]
    assert line.hits.tolist() == [replay(trace, "sieve", c).row["hits"] for c in line.capacity.tolist()]


def test_rows_do_not_depend_on_threads():
    trace = kvreplay.generate("zipf", requests=20000, keys=2000, seed=1)
    cells = {"policies": ["random", "adaptive", "belady"], "capacities": [10, 100, 1000]}
    one, four = ([r.row for r in sweep(trace, **cells, threads=threads)] for threads in (1, 4))
    assert one == four


def test_seeds_change_random_and_nothing_else():
    trace = kvreplay.generate("zipf", requests=5000, keys=300, seed=1)
    hits = {p: {replay(trace, p, 30, seed=s).row["hits"] for s in range(4)} for p in ("random", "lru")}
    assert len(hits["random"]) > 1
    assert len(hits["lru"]) == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"reading": "sideways"}, ValueError, "use independent or prefix"),
        ({"reading": "prefix"}, TraceError, "do not form prefixes; use the independent reading"),
        ({"warmup": 1}, ValueError, "warmup 1: is no share of the requests; use 0 or more, below 1"),
        ({"warmup": float("nan")}, ValueError, "warmup nan: is no share"),
        ({"ttl": 0}, ValueError, "ttl 0: is no time to live; use seconds above 0"),
        ({"policy": "lur"}, PolicyError, "did you mean 'lru'"),
        ({"policy": "s3-fifo:smal=0.2"}, PolicyError, "did you mean 'small'"),
        ({"policy": "s3-fifo:small=2"}, PolicyError, "parameter 'small' is 2: input should be less than 1"),
        ({"policy": "s3-fifo", "capacity": "7B"}, PolicyError, "counts in pages of one size"),
    ],
)
def test_what_makes_no_sense_is_refused(options, error, message):
    trace = Trace("keys", np.array([0, 1], np.uint32), 2, page_bytes=np.array([5, 5], np.int64))
    with pytest.raises(error, match=message):
        replay(trace, **{"policy": "lru", "capacity": 1, **options})


def test_lengths_without_pages_are_refused():
    trace = Trace("lengths", np.empty(0, np.uint32), 0, np.zeros(4, np.int64))
    with pytest.raises(TraceError, match="no page identity; read it with a synthesis of pages "):
        replay(trace, "lru", 1)


MIRROR = Path(os.environ.get("KVREPLAY_TRACE_DIR", "nowhere"))
needs_mirror = pytest.mark.skipif(not MIRROR.is_dir(), reason="KVREPLAY_TRACE_DIR names no mirror of public traces")


@needs_mirror
def test_mooncake_conversation_trace():
    """Figures measured independently of this project."""
    trace = kvreplay.load("mooncake-conversation")
    rows = {(p, c): replay(trace, p, c).row for p, c in [("lru", 10_000), ("fifo", 10_000), ("lru", "unlimited")]}
    assert [row["hits"] for row in rows.values()] == [60_921, 53_812, 105_710]
    assert {row["pages"] for row in rows.values()} == {288_500}
    unlimited = rows["lru", "unlimited"]
    ratios = ("hit_ratio", "prefix_hit_ratio", "token_hit_ratio", "request_mean_hit_ratio")
    assert [round(unlimited[name], 3) for name in ratios] == [0.366, 0.366, 0.374, 0.384]
    belady = replay(trace, "belady", 10_000).row
    assert round(belady["hit_ratio"], 3) == 0.366
    bypass = [round(replay(trace, "belady-bypass", capacity).row["hit_ratio"], 3) for capacity in (3_000, 10_000)]
    assert bypass == [0.294, 0.366]


@needs_mirror
def test_agentic_trace():
    """Figures measured independently of this project, at 20,000 blocks of 64 tokens."""
    trace = kvreplay.load(MIRROR / "weka_agentic_40.jsonl.zst")
    hits = {p: round(100 * replay(trace, p, 20_000).row["hit_ratio"], 1) for p in ("lru", "fifo", "belady", "lfu")}
    assert hits == {"lru": 92.5, "fifo": 91.0, "belady": 94.3, "lfu": 14.7}


def test_adaptive_reports_when_it_switched():
    # Popular pages among scanned ones: counting uses wins. Then runs of pages that come back soon or never: recency
    # wins.
    rng = np.random.default_rng(0)
    popular = np.where(rng.random(40_000) < 0.5, rng.integers(0, 80, 40_000), 1000 + np.arange(40_000))
    recent = np.concatenate([np.tile(np.arange(i, i + 50), 4) for i in range(50_000, 60_000, 50)])
    pages = np.unique(np.concatenate([popular, recent]), return_inverse=True)[1].astype(np.uint32)
    trace = Trace("phases", pages, int(pages.max()) + 1)
    stats = json.loads(replay(trace, "adaptive", 100).row["policy_stats"])
    assert stats["follows_at_end"] == "gittins"  # which comes before LRU where both hit alike
    assert stats["switches"] == len(stats["switched_at"])
    before = [access for access in stats["switched_at"] if access <= 40_000]
    after = [access for access in stats["switched_at"] if access > 40_000]
    assert before
    assert after[0] <= 40_000 + 50 * stats["period"]  # by then all hits of the first phase count 1/e
    assert all(access % stats["period"] == 0 for access in stats["switched_at"])
