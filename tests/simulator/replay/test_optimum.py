"""Bounds on what any cache can reach, against a search through everything that a cache could hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kvreplay.policies import names
from kvreplay.simulator.replay import Bound, bounds, replay
from kvreplay.traces.trace import Trace
from tests.oracles.offline_optimum import most_prefix_hits, most_sized_hits

PAGE_TOKENS = 4


def tree_trace(requests: list[list[int]], prompt_tokens: list[int] | None = None) -> Trace:
    """`requests` are paths of pages, each numbered when it first comes."""
    parent = {page: before for path in requests for before, page in zip([-1, *path], path, strict=False)}
    return Trace(
        "tree",
        np.concatenate(requests).astype(np.uint32),
        len(parent),
        page_offsets=np.cumsum([0, *map(len, requests)]),
        prompt_tokens=None if prompt_tokens is None else np.array(prompt_tokens, np.int32),
        parent=np.array([parent[page] for page in sorted(parent)], np.int32),
        page_tokens=PAGE_TOKENS,
    )


@st.composite
def walks(draw, most_requests: int, most_pages: int) -> list[list[int]]:
    """Paths from a root of a random forest, its pages numbered as they come."""
    requests: list[list[int]] = []
    numbers: dict[tuple[int, ...], int] = {}
    steps = st.lists(st.integers(0, 2), min_size=1, max_size=4)
    for walk in draw(st.lists(steps, min_size=1, max_size=most_requests)):
        paths = [tuple(walk[: i + 1]) for i in range(len(walk))]
        if len(numbers.keys() | paths) <= most_pages:
            requests.append([numbers.setdefault(path, len(numbers)) for path in paths])
    return requests


@settings(max_examples=150, deadline=None)
@given(requests=walks(9, 8), capacity=st.integers(1, 5))
@example([[0, 1], [2, 3], [2, 3]], 2)  # a page that was given up makes room without asking admit()
def test_the_prefix_optimum_is_that_of_an_exhaustive_search(requests, capacity):
    trace = tree_trace(requests)
    capacity = min(capacity, trace.n_pages)
    most = most_prefix_hits(requests, capacity, bypass=True)
    assert bounds(trace, capacity, reading="prefix")["hits"] == Bound(most, most)
    # Among caches that must hold the running request.
    forced = most_prefix_hits(requests, capacity, bypass=False)
    assert replay(trace, "belady", capacity, reading="prefix").row["hits"] == forced


@settings(max_examples=50, deadline=None)
@given(requests=walks(9, 8), capacity=st.integers(1, 5), data=st.data())
def test_tokens_saved_at_best_lie_within_their_bounds(requests, capacity, data):
    last = data.draw(st.lists(st.integers(1, PAGE_TOKENS), min_size=len(requests), max_size=len(requests)))
    prompts = [PAGE_TOKENS * (len(pages) - 1) + tokens for pages, tokens in zip(requests, last, strict=True)]
    trace = tree_trace(requests, prompts)
    capacity = min(capacity, trace.n_pages)
    most = most_prefix_hits(
        requests, capacity, bypass=True, worth=lambda request, hits: min(hits * PAGE_TOKENS, prompts[request])
    )
    for reading in ("independent", "prefix"):
        lower, upper = bounds(trace, capacity, reading=reading)["tokens_saved"]
        assert lower <= most <= upper


@pytest.mark.parametrize("policy", names())
@settings(max_examples=10, deadline=None)
@given(requests=walks(40, 30), capacity=st.integers(1, 12))
def test_no_policy_passes_the_prefix_optimum(policy, requests, capacity):
    trace = tree_trace(requests)
    capacity = min(capacity, trace.n_pages)
    found = bounds(trace, capacity, reading="prefix")
    assert found["hits"].lower == found["hits"].upper
    row = replay(trace, policy, capacity, reading="prefix").row
    assert row["hits"] <= found["hits"].upper
    assert row["tokens_saved"] <= found["tokens_saved"].upper
    if not row["rejections"]:
        assert row["hits"] <= replay(trace, "belady", capacity, reading="prefix").row["hits"]


def sized_trace(accesses: list[int], sizes: list[int]) -> Trace:
    numbers = {page: number for number, page in enumerate(dict.fromkeys(accesses))}
    pages = np.array([numbers[page] for page in accesses], np.uint32)
    return Trace("sized", pages, len(numbers), page_bytes=np.array([sizes[page] for page in numbers], np.int64))


@settings(max_examples=150, deadline=None)
@given(
    accesses=st.lists(st.integers(0, 5), min_size=1, max_size=14),
    sizes=st.lists(st.integers(0, 9), min_size=6, max_size=6),
    capacity=st.integers(1, 25),
)
def test_the_optimum_by_size_lies_within_its_bounds(accesses, sizes, capacity):
    trace = sized_trace(accesses, sizes)
    footprint = int(trace.page_bytes.sum())
    if footprint == 0:
        return
    capacity = min(capacity, footprint)
    found = bounds(trace, f"{capacity}b")
    for column, in_bytes in (("hits", False), ("byte_hits", True)):
        most = most_sized_hits(accesses, sizes, capacity, in_bytes=in_bytes)
        assert found[column].lower <= most <= found[column].upper
        if capacity == footprint:
            assert found[column].lower == found[column].upper == most


@settings(max_examples=50, deadline=None)
@given(accesses=st.lists(st.integers(0, 9), min_size=1, max_size=150), capacity=st.integers(1, 6))
def test_bounds_by_size_enclose_the_optimum_of_equal_sizes(accesses, capacity):
    trace = sized_trace(accesses, [7] * 10)
    capacity = min(capacity, trace.n_pages)
    (optimum, same), by_size = bounds(trace, capacity)["hits"], bounds(trace, f"{7 * capacity}b")
    assert optimum == same == replay(trace, "belady-bypass", capacity).row["hits"]
    assert by_size["hits"].lower <= optimum <= by_size["hits"].upper


def test_bounds_by_size_worked_by_hand():
    # a b b a, a of 3 bytes and b of 2: keeping b takes 2 bytes x 1 access, keeping a 3 bytes x 3 accesses.
    trace = sized_trace([0, 1, 1, 0], [3, 2])
    # 4 bytes x 3 accesses: on average both fit (2 + 9 <= 12), at any time only one of them, and b comes first.
    assert bounds(trace, "4b") == {"hits": Bound(1, 2), "byte_hits": Bound(2, 5)}
    # 3 bytes x 3 accesses: b, and 7 of the 9 of a: 2 + 3 x 7 / 9 bytes.
    assert bounds(trace, "3b") == {"hits": Bound(1, 1), "byte_hits": Bound(2, 4)}
    # a is larger than the cache.
    assert bounds(trace, "2b") == {"hits": Bound(1, 1), "byte_hits": Bound(2, 2)}


def test_scaling_sizes_and_capacity_changes_no_bound():
    rng = np.random.default_rng(0)
    accesses, sizes = rng.zipf(1.3, 2000).clip(max=200).tolist(), rng.integers(1, 1000, 201)
    small, large = (bounds(sized_trace(accesses, (factor * sizes).tolist()), f"{factor * 9000}b") for factor in (1, 8))
    assert large["hits"] == small["hits"]
    assert large["byte_hits"].lower == 8 * small["byte_hits"].lower
    assert 0 <= large["byte_hits"].upper - 8 * small["byte_hits"].upper < 8


def test_prefix_bounds_need_prefixes():
    with pytest.raises(ValueError, match="do not form prefixes"):
        bounds(sized_trace([0, 1], [1, 1]), 1, reading="prefix")
