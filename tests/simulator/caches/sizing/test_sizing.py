"""Controllers by themselves and on traffic that changes phase: they settle, and do not oscillate."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvreplay
from kvreplay.simulator.caches.sizing import Resizes, SizingError, get, names
from kvreplay.simulator.replay import replay

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


@pytest.mark.parametrize("sizing", names())
def test_a_controller_settles_in_every_phase(phases, sizing):
    """At most one step back in a phase; in its last third the capacity stays within a step."""
    capacities = by_phase(phases, sizing)
    assert max(map(reversals, capacities)) <= 1
    for phase in capacities:
        last = phase[-PERIODS // 3 :]
        assert max(last) <= 1.12 * min(last)
    small, large, again = (phase[-1] for phase in capacities)
    assert large > 2 * small
    assert again < 1.5 * small


def test_the_rule_without_a_band_oscillates(phases):
    """What the bound above is for: with one threshold in place of two, the capacity turns back all the time."""
    assert min(map(reversals, by_phase(phases, "hit-ratio:low=0.65:high=0.65"))) > 5


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
