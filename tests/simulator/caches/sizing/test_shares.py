"""Budgets divided among tenants: against a search of all divisions, by their gains and by replays."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvreplay
from kvreplay.simulator.caches.sizing import SizingError, get, split
from kvreplay.simulator.caches.sizing.marginal_shares import divide
from kvreplay.simulator.replay import replay

BUDGET, PERIOD = 1024, 1000
GROWS = {"workload": "zipf", "skew": 0.6}


@pytest.fixture(scope="module")
def steady():
    """One tenant whose every page helps a little, one that needs 600 pages or none, and one that needs none."""
    parts = [{**GROWS, "keys": 1500}, {"workload": "loop", "keys": 600}, {"workload": "scan"}]
    return kvreplay.generate("mix", requests=60_000, parts=parts)


@pytest.fixture(scope="module")
def swapping():
    """Two tenants that swap their working sets half way."""
    small, large = {**GROWS, "keys": 200}, {**GROWS, "keys": 1200}
    parts = [{"workload": "mix", "order": "phased", "parts": [*pair]} for pair in ((small, large), (large, small))]
    return kvreplay.generate("mix", requests=80_000, parts=parts)


def best_fixed(trace, tenants: int, steps: int = 10) -> int:
    """The most hits of any fixed division in tenths, from replays of them all."""
    divisions = (d for d in itertools.product(range(1, steps), repeat=tenants) if sum(d) == steps)
    return max(replay(trace, "lru", BUDGET, sizing=get("shares", shares=list(d))).row["hits"] for d in divisions)


def test_it_reaches_the_best_fixed_division_where_traffic_is_steady(steady):
    row = replay(steady, "lru", BUDGET, sizing="marginal-shares").row
    assert row["hits"] > 0.97 * best_fixed(steady, 3), "some is lost while it learns"
    assert row["hits"] > 1.5 * replay(steady, "lru", BUDGET).row["hits"], "shared, the scan and the loop ruin all"


def test_it_beats_every_fixed_division_where_tenants_swap(swapping):
    row = replay(swapping, "lru", BUDGET, sizing="marginal-shares").row
    assert row["hits"] > 1.03 * best_fixed(swapping, 2)


@pytest.mark.parametrize(
    ("sizing", "still"), [("marginal-shares", True), ("marginal-shares:margin=0:half_life=1", False)]
)
def test_it_does_not_oscillate(swapping, sizing, still):
    """At most one step back a tenant and phase, with the margin; without it and without memory, many more."""
    row = replay(swapping, "lru", BUDGET, sizing=sizing).row
    assert (row["reversals"] <= 2 * 2 + 2) == still, "the swap itself turns both tenants once"


@given(
    gains=st.integers(1, 4).flatmap(
        lambda parts: st.lists(st.lists(st.integers(0, 20), min_size=7, max_size=7), min_size=parts, max_size=parts)
    )
)
def test_no_division_gains_more(gains):
    gains = np.cumsum(gains, axis=1, dtype=float)
    found = divide(gains)
    assert found.sum() == 6
    assert found.min() >= 1
    every = (d for d in itertools.product(range(1, 7), repeat=len(gains)) if sum(d) == 6)
    most = max(sum(row[steps] for row, steps in zip(gains, d, strict=True)) for d in every)
    assert sum(row[steps] for row, steps in zip(gains, found, strict=True)) == most


@given(
    steps=st.lists(
        st.lists(st.integers(0, 1000), min_size=12, max_size=12).map(lambda own: sorted(own, reverse=True)),
        min_size=2,
        max_size=4,
    )
)
def test_marginal_gains_are_equal_where_curves_are_concave(steps):
    """The next step would bring no tenant more than the last one brings another that could spare it."""
    found = divide(np.array([[0, *np.cumsum(own)] for own in steps], float))
    last = [own[k - 1] for own, k in zip(steps, found, strict=True) if k > 1]
    following = [own[k] for own, k in zip(steps, found, strict=True) if k < 12]
    assert not last or not following or max(following) <= min(last)


@given(capacity=st.integers(1, 10**9), shares=st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30))
def test_a_split_is_all_of_it(capacity, shares):
    if capacity < len(shares):
        with pytest.raises(SizingError, match=f"capacity {capacity} for {len(shares)} caches"):
            split(capacity, shares)
        return
    parts = split(capacity, shares)
    assert sum(parts) == capacity
    assert min(parts) >= 1
    ideal = np.array(shares) / sum(shares) * capacity
    assert np.abs(parts - ideal).max() <= 1 + len(shares)


@pytest.mark.parametrize(
    ("sizing", "capacity", "message"),
    [
        ("shares:shares=[1, 2]", 100, "2 shares for 3 parts; give one each"),
        ("shares", 2, "capacity 2 for 3 caches; use at least as much as there are caches"),
        ("marginal-shares", 100, "3 parts of a budget of 100; use at most 256, and as much capacity or more"),
    ],
)
def test_impossible_divisions_are_told(steady, sizing, capacity, message):
    with pytest.raises(SizingError, match=message.replace("[", r"\[")):
        replay(steady, "lru", capacity, sizing=sizing)
