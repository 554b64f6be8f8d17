"""Controllers by themselves and on traffic that changes phase: they settle, and do not oscillate."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvreplay
from kvreplay.simulator.caches.sizing import Resizes, SizingError, get
from kvreplay.simulator.caches.sizing.hit_curve import STEPS
from kvreplay.simulator.replay import replay
from kvreplay.traces.trace import Trace

PERIOD, PERIODS = 1000, 40  # requests between decisions, decisions in a phase


@pytest.fixture(scope="module")
def phases():
    """A small working set, a large one, the small one again."""
    small, large = ({"workload": "zipf", "keys": keys, "skew": 0.8} for keys in (2000, 20000))
    requests = 3 * PERIOD * PERIODS
    return kvreplay.generate("mix", requests=requests, order="phased", parts=[small, large, small])


def reversals(capacities: list[int]) -> int:
    moves = Resizes()
    for before, after in itertools.pairwise(capacities):
        moves.note(before, after)
    return moves.reversals


def by_phase(trace, sizing: str) -> list[list[int]]:
    """The capacities of each phase, from an LRU cache of 1,000 pages on."""
    row = replay(trace, "lru", 1000, sizing=sizing, windows=3 * PERIODS).row
    series = row["series_capacity"]
    assert row["resizes"] == np.count_nonzero(np.diff(series))
    return [series[k * PERIODS : (k + 1) * PERIODS] for k in range(3)]


@pytest.mark.parametrize("sizing", ["hit-ratio", "marginal-gain:break_even=50000"])
def test_a_controller_does_not_oscillate(phases, sizing):
    """At most one step back in a phase; it finds another size for other traffic, and the first one again."""
    capacities = by_phase(phases, sizing)
    assert max(map(reversals, capacities)) <= 1
    small, large, again = (phase[-1] for phase in capacities)
    assert large > 2 * small
    assert again < 1.5 * small


@pytest.mark.parametrize(
    "sizing", ["hit-ratio:low=0.65:high=0.65", "marginal-gain:break_even=50000:margin=0:half_life=1"]
)
def test_without_what_keeps_it_still_it_oscillates(phases, sizing):
    """What the bound above is for: with one threshold in place of two, or no margin, it turns all the time."""
    assert max(map(reversals, by_phase(phases, sizing))) > 5


def test_marginal_gain_climbs_a_cliff_at_once_and_holds_nothing_for_a_scan():
    # LRU hits nothing of a loop of 500 keys below 500 pages, and all of it from there on.
    loop = replay(kvreplay.generate("loop", requests=20_000, keys=500), "lru", 100, sizing="marginal-gain").row
    step = 100 * 10 / STEPS
    assert (loop["resizes"], loop["reversals"]) == (1, 0)
    assert 500 <= loop["final_capacity"] <= 500 + step + 1
    assert loop["hits"] >= 20_000 - 1000 - 500 - 500, "a period to see it, and a round to fill the cache"
    # A page that brings a hit in 500 accesses is not worth its place where one in 400 is asked for.
    dear = replay(
        kvreplay.generate("loop", requests=20_000, keys=500), "lru", 100, sizing="marginal-gain:break_even=400"
    )
    scan = replay(kvreplay.generate("scan", requests=20_000), "lru", 100, sizing="marginal-gain")
    assert dear.row["final_capacity"] == scan.row["final_capacity"] == pytest.approx(10, abs=step)


def test_marginal_gain_counts_bytes():
    """A loop over 100 objects of 50 bytes and one over as many of 1 byte, one access each in turn."""
    pages = np.tile(np.arange(200, dtype=np.uint32), 100)
    sizes = np.where(np.arange(200) % 2, 50, 1)
    trace = Trace("loop", pages, 200, page_bytes=sizes)
    row = replay(trace, "lru", "1000B", sizing="marginal-gain").row
    assert 5100 <= row["final_capacity"] <= 5100 + 10_000 / STEPS
    assert row["resizes"] == 1


@given(
    ratios=st.lists(st.floats(0, 1), max_size=60),
    capacity=st.integers(1, 10**6),
    low=st.floats(0, 0.5),
    band=st.floats(0, 0.5),
    step=st.floats(0.001, 0.999),
)
def test_hit_ratio_does_what_it_says(ratios, capacity, low, band, step):
    controller = get("hit-ratio", low=low, high=low + band, step=step, smallest=0.5, largest=3).start(capacity)
    at = capacity
    for ratio in ratios:
        hit = np.arange(200) < 200 * ratio
        controller.observe(np.zeros(200, np.uint32), hit[:50].astype(np.uint8))
        controller.observe(np.zeros(200, np.uint32), hit[50:].astype(np.uint8))
        seen, after = np.mean(hit), controller.decide(at)
        assert max(1, round(capacity / 2)) <= after <= 3 * capacity
        if seen < low:
            assert after == min(at + max(1, round(step * at)), 3 * capacity)
        elif seen > low + band:
            assert after == max(at - max(1, round(step * at)), max(1, round(capacity / 2)))
        else:
            assert after == at
        at = after
    assert controller.decide(at) == at, "nothing was seen"


def test_reversals_are_changes_of_direction():
    assert reversals([1, 2, 3, 3, 4]) == 0
    assert reversals([4, 2, 2, 3, 1, 1, 2]) == 3


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("hit-rate", "unknown sizing 'hit-rate', did you mean 'hit-ratio'?"),
        ("hit-ratio:lo=1", "unknown parameter 'lo', did you mean 'low'?"),
        ("hit-ratio:low=0.9", "sizing 'hit-ratio': low 0.9 is above high 0.8; swap them"),
        ("hit-ratio:period=0", "parameter 'period' is 0: input should be greater than or equal to 1"),
        ("hit-ratio:period", "sizing 'hit-ratio': 'period' is not KEY=VALUE"),
    ],
)
def test_mistakes_are_told(spec, message):
    with pytest.raises(SizingError) as error:
        get(spec)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_labels_read_back():
    sizing = get("hit-ratio:step=0.2:low=0.25")
    assert sizing.label == "hit-ratio:low=0.25:step=0.2"
    assert get(sizing.label) == sizing
