"""Statistics: against slow obvious versions on random traces, and against what theory says of known ones."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvreplay
from kvreplay.traces import reuse
from kvreplay.traces.builder import Batch, TraceBuilder
from kvreplay.traces.decay import decay
from kvreplay.traces.distribution import Distribution
from kvreplay.traces.errors import TraceError
from kvreplay.traces.prefix_tree import prefix_tree
from kvreplay.traces.statistics import arrivals, popularity, summarise, zipf_exponent
from kvreplay.traces.trace import Trace
from kvreplay.traces.working_set import usual_windows, working_sets

Requests = list[list[int]]


def build(requests: Requests, arrival: list[float] | None = None, page_tokens: int | None = None, **columns) -> Trace:
    """A trace of page keys; `arrival` defaults to one request a second."""
    builder = TraceBuilder()
    builder.add(
        Batch(
            keys=np.array([key for request in requests for key in request], np.uint64),
            counts=np.array([len(request) for request in requests], np.int32),
            arrival=np.arange(len(requests), dtype=float) if arrival is None else np.array(arrival),
            **columns,
        )
    )
    return builder.finish("test", page_tokens=page_tokens)


def traces() -> st.SearchStrategy[Requests]:
    # Few keys and many requests: the clock of the compiled count runs out several times.
    request = st.lists(st.integers(0, 30), max_size=8)
    return st.lists(request, min_size=1, max_size=120).filter(any)


def slow_distances(requests: Requests) -> Counter[int]:
    stack: list[int] = []  # most recently used first
    distances: Counter[int] = Counter()
    for key in (key for request in requests for key in request):
        if key in stack:
            distances[stack.index(key)] += 1
            stack.remove(key)
        stack.insert(0, key)
    return distances


@settings(max_examples=150, deadline=None)
@given(traces())
def test_reuse_distance_is_the_place_in_an_lru_stack(requests: Requests) -> None:
    trace = build(requests)
    assert Counter(dict(enumerate(reuse.distance_counts(trace)))) == slow_distances(requests)


def test_reuse_distances_over_many_words_of_marks() -> None:
    keys = np.random.default_rng(0).zipf(1.3, 20_000) % 700
    trace = build([[int(key)] for key in keys])
    assert Counter(dict(enumerate(reuse.distance_counts(trace)))) == slow_distances([keys.tolist()])


@settings(deadline=None)
@given(traces(), st.randoms(use_true_random=False))
def test_reuse_time_is_the_time_since_the_last_access(requests: Requests, random) -> None:
    arrival = sorted(random.choice([0.0, 1.5, 2.25, 7.0]) for _ in requests)
    last: dict[int, float] = {}
    times = []
    for now, request in zip(arrival, requests, strict=True):
        for key in request:
            if key in last:
                times.append(now - last[key])
            last[key] = now
    assert reuse.reuse_times(build(requests, arrival)).tolist() == times


@settings(deadline=None)
@given(traces())
def test_an_unlimited_cache_hits_what_was_seen_before(requests: Requests) -> None:
    tokens = [max(1, 4 * len(request) - 2) for request in requests]
    seen: set[int] = set()
    hits, prefixes = 0, []
    for request in requests:
        contiguous = True
        prefixes.append(0)
        for key in request:
            hits += key in seen
            contiguous &= key in seen
            prefixes[-1] += contiguous
            seen.add(key)
    ratios = summarise(build(requests, page_tokens=4, prompt_tokens=np.array(tokens))).unlimited_cache
    accesses = sum(map(len, requests))
    saved = sum(min(4 * prefix, length) for prefix, length in zip(prefixes, tokens, strict=True))
    shares = [prefix / len(request) if request else 0 for prefix, request in zip(prefixes, requests, strict=True)]
    assert ratios.page_hit_ratio == hits / accesses
    assert ratios.prefix_hit_ratio == sum(prefixes) / accesses
    assert ratios.token_hit_ratio == saved / sum(tokens)
    assert ratios.request_mean_hit_ratio == pytest.approx(sum(shares) / len(requests), abs=1e-12)
    assert ratios.byte_hit_ratio is None


def test_a_trace_worked_by_hand() -> None:
    # Pages of 10 tokens. Request 2 repeats request 1 and is 5 tokens longer; request 3 shares its first page.
    trace = build(
        [[1, 2], [1, 2, 3], [1, 4]],
        arrival=[0, 10, 40],
        page_tokens=10,
        prompt_tokens=np.array([20, 25, 20]),
        output_tokens=np.array([1, 2, 3]),
        session=np.array([0, 0, 1]),
    )
    summary = summarise(trace, bytes_per_token=100)
    assert (summary.requests, summary.page_accesses, summary.distinct_pages, summary.sessions) == (3, 7, 4, 2)
    assert (summary.footprint_tokens, summary.footprint_bytes) == (40, 4000)
    assert summary.prefix_tree is True
    assert summary.unlimited_cache.page_hit_ratio == 3 / 7
    assert summary.unlimited_cache.prefix_hit_ratio == 3 / 7
    assert summary.unlimited_cache.token_hit_ratio == 30 / 65
    assert summary.unlimited_cache.request_mean_hit_ratio == pytest.approx((0 + 2 / 3 + 1 / 2) / 3)
    # Page 1 comes back over page 2, page 2 over page 1, and page 1 again over pages 2 and 3.
    assert summary.reuse.distance_counts.tolist() == [0, 2, 1, 0]
    assert summary.reuse.times.tolist() == [10, 10, 30]
    assert summary.popularity.frequencies.tolist() == [3, 2, 1, 1]
    assert summary.popularity.one_hit_wonders == 1 / 2
    assert summary.arrivals.requests_per_second == 2 / 40
    assert summary.arrivals.interarrival_cv == pytest.approx(10 / 20)  # gaps 10 and 30
    assert summary.output_tokens == Distribution(2.0, 1, 2, 3, 3, 3)
    told = json.loads(json.dumps(summary.as_dict()))
    assert told["reuse"]["distance"]["max"] == 2
    assert told["tree"]["top_branches"] == [2 / 3, 1 / 3]  # behind the page that all three start with
    assert told["working_sets"]["sets"][0] == {"window": 1, "mean": 7 / 3, "max": 3}
    assert told["decay"]["ages"] == [1, 2, 4, 8, 16, 20]


def test_object_sizes_give_bytes() -> None:
    builder = TraceBuilder()
    builder.add(Batch(keys=np.array([1, 2, 1, 1], np.uint64), key_bytes=np.array([100, 900, 100, 100])))
    summary = summarise(builder.finish("objects"))
    assert summary.footprint_bytes == 1000
    assert summary.unlimited_cache.page_hit_ratio == 2 / 4
    assert summary.unlimited_cache.byte_hit_ratio == pytest.approx(200 / 1200)
    assert summary.unlimited_cache.token_hit_ratio is None
    assert summary.arrivals is None
    assert summary.reuse.seconds is None
    assert summary.prefix_tree is None


def test_an_object_of_another_size_is_read_anew() -> None:
    builder = TraceBuilder()
    builder.add(Batch(keys=np.array([1, 2, 1, 1, 2, 1], np.uint64), key_bytes=np.array([4, 9, 4, 5, 9, 4])))
    summary = summarise(builder.finish("objects"))
    assert summary.footprint_bytes == 5 + 9
    assert summary.unlimited_cache.byte_hit_ratio == pytest.approx((4 + 9) / 35)


def test_a_page_behind_two_pages_is_no_tree() -> None:
    assert summarise(build([[1, 2], [3, 2]])).prefix_tree is False


def test_a_trace_of_lengths_admits_what_it_cannot_know() -> None:
    builder = TraceBuilder()
    builder.add(Batch(arrival=np.array([0.0, 1.0]), prompt_tokens=np.array([5, 7]), output_tokens=np.array([1, 1])))
    trace = builder.finish("lengths")
    summary = summarise(trace)
    assert summary.prompt_tokens.mean == 6
    for name in (
        "page_accesses",
        "distinct_pages",
        "footprint_tokens",
        "footprint_bytes",
        "pages_per_request",
    ):
        assert getattr(summary, name) is None
    assert summary.popularity is None
    assert summary.reuse is None
    assert summary.unlimited_cache is None
    assert summary.prefix_tree is None
    with pytest.raises(TraceError, match="no pages of a known size in tokens; leave bytes per token out"):
        summarise(trace, bytes_per_token=100)


def test_a_trace_without_reuse_or_time() -> None:
    summary = summarise(build([[1], [2]], arrival=[3.0, 3.0]))
    assert summary.reuse.distance is None
    assert summary.reuse.seconds is None
    assert summary.arrivals.duration_seconds == 0
    assert summary.arrivals.requests_per_second is None
    assert summary.unlimited_cache.page_hit_ratio == 0


@given(st.lists(st.integers(0, 40), min_size=1))
def test_a_distribution_of_counts_is_that_of_the_values(values: list[int]) -> None:
    direct = Distribution.of(np.array(values))
    counted = Distribution.of_counts(np.bincount(values, minlength=50))
    assert (direct.min, direct.p50, direct.p90, direct.p99, direct.max) == (
        (counted.min, counted.p50, counted.p90, counted.p99, counted.max)
    )
    assert direct.mean == pytest.approx(counted.mean)
    ordered = sorted(values)
    # By definition: the first value at which at least 90 % of all are reached.
    assert direct.p90 == next(value for rank, value in enumerate(ordered, 1) if rank * 10 >= len(ordered) * 9)


def test_even_arrivals_have_no_burstiness_and_poisson_ones_have_one() -> None:
    even = arrivals(np.arange(0, 1001, 2.0))
    assert even.requests_per_second == 0.5
    assert even.interarrival_cv == 0
    assert even.peak_to_mean < 1.2
    gaps = np.random.default_rng(1).exponential(0.2, 100_000)
    poisson = arrivals(np.cumsum(gaps))
    assert poisson.requests_per_second == pytest.approx(5, rel=0.02)
    assert poisson.interarrival_cv == pytest.approx(1, abs=0.02)


def test_zipf_exponent_of_exact_frequencies() -> None:
    assert zipf_exponent(2520 // np.arange(1, 11)) == pytest.approx(1, abs=1e-9)  # 2520 = lcm(1 .. 10)
    assert zipf_exponent(3600 // np.arange(1, 7) ** 2) == pytest.approx(2, abs=1e-9)
    assert zipf_exponent(np.full(50, 7)) == pytest.approx(0, abs=1e-9)
    assert zipf_exponent(np.array([5])) is None


@pytest.mark.parametrize("exponent", [0.6, 0.8, 1.0, 1.2])
def test_zipf_exponent_is_recovered_from_a_sample(exponent: float) -> None:
    weights = np.arange(1, 1001) ** -exponent
    keys = np.random.default_rng(7).choice(1000, 300_000, p=weights / weights.sum())
    fit = popularity(build([keys.tolist()]))
    assert fit.zipf_exponent == pytest.approx(exponent, abs=0.01)
    assert fit.zipf_distance < 0.01


def test_a_law_that_is_not_zipf_is_far_from_its_fit() -> None:
    # Half the accesses go evenly to 10 pages, half evenly to 990: no straight line in log rank.
    keys = [key for key in range(10) for _ in range(990)] + [key for key in range(10, 1000) for _ in range(10)]
    assert popularity(build([keys])).zipf_distance > 0.1


@pytest.mark.parametrize("skewed", [[10**9, 1], [10**12, 10**6, 1]])
def test_zipf_fit_finds_the_likeliest_exponent_of_extreme_counts(skewed: list[int]) -> None:
    fitted = zipf_exponent(np.array(skewed))
    ranks = np.log(np.arange(1, len(skewed) + 1))

    def log_likelihood(exponent: float) -> float:
        return -exponent * (ranks @ skewed) - sum(skewed) * np.log(np.exp(-exponent * ranks).sum())

    assert log_likelihood(fitted) > log_likelihood(fitted * 0.99)
    assert log_likelihood(fitted) > log_likelihood(fitted * 1.01)


def test_a_hundred_pages_seen_by_chance_have_no_decay() -> None:
    """Every page as likely at any time: a hundredth of an access a request and page at every age."""
    keys = np.random.default_rng(3).integers(0, 100, 40_000)
    found = decay(build([[int(key)] for key in keys]))
    for width, rate in zip(np.diff(found.ages), found.rates[1:], strict=True):
        repeats = 100 * width * 0.01  # expected in this range; they vary as a Poisson count does
        assert rate == pytest.approx(0.01, rel=5 / np.sqrt(repeats))
    assert found.rates[-1] == pytest.approx(0.01, rel=0.1)


def test_a_page_asked_for_once_a_second_for_a_while() -> None:
    # Page 1 comes at 0, 1, ..., 5 seconds, page 2 once; the trace ends at 20, so that ages go up to 10.
    found = decay(build([[1], [1], [1], [1], [1, 2], [1], [3]], arrival=[0, 1, 2, 3, 4, 5, 20]))
    assert found.ages == [1, 2, 4, 8, 10]
    assert found.shares == [0, 1 / 5, 2 / 5, 2 / 5, 0]
    # Two pages are watched, as page 3 comes in the second half: in ranges of 1, 1, 2, 4 and 2 seconds.
    assert found.rates == [0, 1 / 2, 2 / 4, 2 / 8, 0]
    assert (found.age_of(0.5), found.age_of(0.9)) == (4, 8)


@settings(deadline=None)
@given(traces(), st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, 4.0]), min_size=120, max_size=120))
def test_decay_is_the_age_of_each_repeated_access(requests: Requests, gaps: list[float]) -> None:
    arrival = np.cumsum(gaps)[: len(requests)].tolist()
    timed = arrival[-1] > arrival[0]
    times = [now - arrival[0] for now in arrival] if timed else [float(i) for i in range(len(requests))]
    half = times[-1] / 2
    first: dict[int, float] = {}
    repeats = []
    for now, request in zip(times, requests, strict=True):
        for key in request:
            if key in first and first[key] <= half and now - first[key] < half:
                repeats.append(now - first[key])
            first.setdefault(key, now)
    found = decay(build(requests, arrival))
    if not repeats:
        assert found is None
        return
    watched = sum(seen <= half for seen in first.values())
    lows = [0.0, *found.ages[:-1]]
    assert found.ages[-1] == half
    for low, high, share, rate in zip(lows, found.ages, found.shares, found.rates, strict=True):
        within = sum(low <= age < high for age in repeats)
        assert share == within / len(repeats)
        assert rate == pytest.approx(within / watched / (high - low))
        assert high in (1, 2 * low, half)


@settings(deadline=None)
@given(traces(), st.lists(st.integers(1, 200), min_size=1, max_size=3), st.booleans())
def test_working_sets_are_the_distinct_pages_of_the_last_requests(
    requests: Requests, windows: list[int], timed: bool
) -> None:
    # With times, requests come in groups of three at once; without, the clock counts requests.
    arrival = [float(i // 3) if timed else 7.0 for i in range(len(requests))]
    trace = build(requests, arrival)
    times = arrival if timed and len(requests) > 3 else list(range(len(requests)))
    found = working_sets(trace, windows)
    points = np.unique(np.linspace(0, len(requests) - 1, 200).astype(int))
    assert found.times.tolist() == [times[point] for point in points]
    for each, window in zip(found.sets, windows, strict=True):
        sizes = []
        for i, now in enumerate(times):
            recent = [request for at, request in zip(times[: i + 1], requests, strict=False) if at > now - window]
            sizes.append(len({key for request in recent for key in request}))
        assert each.sizes.tolist() == [sizes[point] for point in points]
        assert each.max == max(sizes)
        assert each.mean == pytest.approx(sum(sizes) / len(sizes))


def test_a_working_set_worked_by_hand() -> None:
    trace = build([[1, 2], [1, 3], [4], [1]], arrival=[0, 10, 15, 30])
    (short, long) = working_sets(trace, [10, 20]).sets
    assert short.sizes.tolist() == [2, 2, 3, 1]  # the request at 0 is 10 seconds old at 10: outside
    assert long.sizes.tolist() == [2, 3, 4, 2]
    assert (short.mean, short.max) == (2, 3)


def test_windows_fit_twice_into_the_trace() -> None:
    assert usual_windows(build([[1]] * 3, arrival=[0, 60, 1300])) == [10, 60, 600]
    assert usual_windows(build([[1]] * 2001, arrival=[0] * 2001)) == [10, 100, 1000]
    assert usual_windows(build([[1]] * 3, arrival=[0] * 3)) == []


@st.composite
def trees(draw: st.DrawFn) -> Requests:
    """Requests whose pages are their prefixes: a key is a path of digits, written as a number."""
    trunk = draw(st.lists(st.integers(1, 3), max_size=3))
    paths = draw(st.lists(st.lists(st.integers(1, 3), max_size=5), min_size=1, max_size=40))
    steps = [trunk + path for path in paths if trunk or path]
    return [[int("".join(map(str, path[: i + 1]))) for i in range(len(path))] for path in steps]


@settings(deadline=None)
@given(trees().filter(any))
def test_the_tree_is_that_of_the_paths(requests: Requests) -> None:
    paths = {str(key) for request in requests for key in request}
    below = {path: [other for other in paths if other[:-1] == path] for path in (*paths, "")}
    tree = prefix_tree(build(requests))
    assert np.repeat(np.arange(len(tree.pages_at_depth)), tree.pages_at_depth).tolist() == sorted(
        len(path) - 1 for path in paths
    )
    assert tree.depth == Distribution.of(np.array([len(path) for path in paths]))
    assert tree.leaves == pytest.approx(sum(not below[path] for path in paths) / len(paths))
    several = [len(below[path]) for path in paths if len(below[path]) > 1]
    assert tree.branching == pytest.approx(len(several) / len(paths))
    assert tree.fan_out == Distribution.of(np.array(several))
    trunk = ""
    while (nodes := below[trunk]) and len(nodes) == 1 and all(int(nodes[0]) in request for request in requests):
        trunk = nodes[0]
    shares = sorted(
        (sum(int(node) in request for request in requests) / len(requests) for node in below[trunk]), reverse=True
    )
    assert (tree.trunk, tree.branches) == (len(trunk), len(below[trunk]))
    assert tree.top_branches == pytest.approx(sorted(shares, reverse=True)[:10])


def test_a_tree_worked_by_hand() -> None:
    # 1 -> 2 -> 3, 1 -> 4 and 1 -> 5; all begin with 1, two of the four go on with 2.
    tree = prefix_tree(build([[1, 2, 3], [1, 4], [1, 2], [1, 5]]))
    assert tree.pages_at_depth.tolist() == [1, 3, 1]
    assert (tree.leaves, tree.branching) == (3 / 5, 1 / 5)
    assert tree.fan_out == Distribution(3, 3, 3, 3, 3, 3)
    assert (tree.trunk, tree.branches, tree.top_branches) == (1, 3, [0.5, 0.25, 0.25])


def test_keys_form_no_tree() -> None:
    assert prefix_tree(kvreplay.generate("zipf", requests=100, keys=10)) is None
    assert prefix_tree(build([[1, 2], [3, 2]])) is None


MIRROR = Path(os.environ.get("KVREPLAY_TRACE_DIR", "")) / "mooncake_conversation.jsonl"


@pytest.mark.skipif(not MIRROR.is_file(), reason="KVREPLAY_TRACE_DIR holds no mooncake_conversation.jsonl")
def test_the_real_conversation_trace() -> None:
    # Counted by independent means; so are the LRU hits in 10,000 pages and the unlimited page hits below.
    records = [json.loads(line) for line in MIRROR.open()]
    trace = build(
        [record["hash_ids"] for record in records],
        arrival=[record["timestamp"] / 1000 for record in records],
        page_tokens=512,
        prompt_tokens=np.array([record["input_length"] for record in records]),
    )
    summary = summarise(trace)
    assert (summary.requests, summary.page_accesses, summary.distinct_pages) == (12_031, 288_500, 182_790)
    assert summary.arrivals.distinct_times == 1180
    assert summary.prefix_tree is True
    assert summary.reuse.distance_counts[:10_000].sum() == 60_921
    ratios = summary.unlimited_cache
    assert ratios.page_hit_ratio == 105_710 / 288_500
    assert round(ratios.prefix_hit_ratio, 3) == 0.366
    assert round(ratios.token_hit_ratio, 3) == 0.374
    assert round(ratios.request_mean_hit_ratio, 3) == 0.384
