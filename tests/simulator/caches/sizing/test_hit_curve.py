"""The sampled hit curve: exact against a slow stack where every page is followed, near it where some are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvreplay
from kvreplay.simulator.caches.sizing.hit_curve import STEPS, HitCurve
from kvreplay.simulator.replay import lru_curve


def needed(pages: list[int], weights: list[int]) -> list[float]:
    """For each access the least LRU cache that hits it, from a list of pages by last use."""
    stack: list[int] = []
    found = []
    for page in pages:
        if page in stack:
            at = stack.index(page)
            found.append(sum(weights[other] for other in stack[at:]))
            del stack[at]
        else:
            found.append(float("inf"))
        stack.append(page)
    return found


@settings(max_examples=60, deadline=None)
@given(
    pages=st.lists(st.integers(0, 30), min_size=1, max_size=300),
    largest=st.integers(1, 400),
    sizes=st.none() | st.lists(st.integers(1, 40), min_size=31, max_size=31),
    cuts=st.lists(st.integers(0, 300), max_size=5),
    keep=st.floats(0.1, 1),
)
def test_every_page_followed_is_a_stack(pages, largest, sizes, cuts, keep):
    weights = None if sizes is None else np.array(sizes, np.int64)
    curve = HitCurve(largest, 10**9, weights)
    assert curve.rate == 1
    weight = np.zeros(len(pages))
    for part in np.split(np.arange(len(pages)), sorted(cuts)):
        part = part[part < len(pages)]
        curve.observe(np.array(pages, np.uint32)[part])
        curve.age(keep)
        weight[part] = 1
        weight *= keep
    least = np.array(needed(pages, [1] * 31 if sizes is None else sizes))
    expected = [weight[least <= size * (1 + 1e-12)].sum() / weight.sum() for size in curve.sizes]
    assert curve.hit_ratios == pytest.approx(np.array(expected), abs=1e-9)


def test_what_no_cache_would_hold_is_forgotten():
    trace = kvreplay.generate("zipf", requests=60_000, keys=20_000, skew=0.7)
    exact = lru_curve(trace).hit_ratio
    curve = HitCurve(512, 10**9)
    for start in range(0, 60_000, 700):
        curve.observe(trace.pages[start : start + 700])
    assert curve.hit_ratios[1:].tolist() == pytest.approx(exact[curve.sizes[1:].astype(int) - 1].tolist(), abs=1e-12)
    assert len(curve._page_at) < 3 * 4096, "20,000 pages were seen"


@pytest.mark.parametrize("seed", range(3))
def test_a_sample_is_near_the_whole(seed):
    trace = kvreplay.generate("zipf", requests=100_000, keys=20_000, skew=0.8, seed=seed)
    curve = HitCurve(8 * 2560, 4096)
    curve.observe(trace.pages)
    exact = lru_curve(trace)
    at = np.minimum(curve.sizes[1:].astype(int), trace.n_pages) - 1
    assert curve.rate == 0.2
    # Of the share of the accesses that a sample of the pages has, the standard deviation: most of it is made good.
    popularity = np.bincount(trace.pages) / trace.n_accesses
    luck = np.sqrt((popularity**2).sum() * (1 - curve.rate) / curve.rate)
    assert np.abs(curve.hit_ratios[1:] - exact.hit_ratio[at]).max() < luck


def test_nothing_was_seen():
    assert HitCurve(10, 16).hit_ratios.tolist() == [0] * (STEPS + 1)
