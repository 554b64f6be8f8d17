"""Thresholds that move: the bound on false hits holds on any traffic, and a wanted share is met where it can be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvreplay.simulator.caches.errors import CacheError
from kvreplay.simulator.caches.judge import Verdict
from kvreplay.simulator.caches.moving_threshold import Moving

from .fakes import request
from .test_exact import ask
from .test_semantic import semantic


def look_up(threshold: Moving, score: float, right: bool) -> Verdict:
    """What a lookup comes to whose nearest entry has this cosine, and the right answer or not; the threshold learns."""
    verdict = Verdict.TRUE_MISS
    if threshold.accepts(None, score):
        verdict = Verdict.TRUE_HIT if right else Verdict.FALSE_HIT
    threshold.judged(verdict)
    return verdict


@given(
    lookups=st.lists(st.tuples(st.floats(-1, 1), st.booleans()), min_size=1, max_size=300),
    share=st.floats(0.001, 0.999),
    start=st.floats(0, 1),
    step=st.floats(0.001, 1),
)
def test_the_bound_holds_whatever_comes(lookups, share, start, step):
    threshold = Moving(false_hits=share, start=start, step=step)
    false = sum(look_up(threshold, *each) is Verdict.FALSE_HIT for each in lookups)
    assert false / len(lookups) <= share + (1 + step - start) / (step * len(lookups)) + 1e-9
    assert 0 <= threshold.value <= 1 + step


def traffic(rng: np.random.Generator, shift: float) -> tuple[float, bool]:
    """A cosine that is uniform on [0.5, 1]; the nearer to 1, the more often the answer is right."""
    score = rng.uniform(0.5, 1)
    return score, bool(rng.random() < 2 * score - 1 - shift)


def test_false_hits_are_held_while_traffic_changes():
    """At a threshold t false hits are the share of the integral of (2 - 2 s + shift) over s from t to 1, times 2."""
    rng, threshold, first = np.random.default_rng(0), Moving(false_hits=0.05), []
    for shift in (0.0, 0.3):
        verdicts, values = [], []
        for _ in range(20_000):
            verdicts.append(look_up(threshold, *traffic(rng, shift)))
            values.append(threshold.value)
        late = verdicts[2000:]
        assert late.count(Verdict.FALSE_HIT) / len(late) == pytest.approx(0.05, abs=0.005)
        # 2 (x^2 + shift x) = 0.05 with x = 1 - t.
        least = 1 - (-shift + np.sqrt(shift**2 + 4 * 0.025)) / 2
        assert np.mean(values[2000:]) == pytest.approx(least, abs=0.01)
        assert np.std(values[2000:]) < 0.05, "it does not swing"
        first.append(np.mean(values[2000:]))
    assert first[1] > first[0]


def test_a_share_of_hits_is_held():
    rng, threshold = np.random.default_rng(1), Moving(hits=0.3, start=1.0)
    hits = [look_up(threshold, *traffic(rng, 0)) is not Verdict.TRUE_MISS for _ in range(20_000)]
    assert np.mean(hits[2000:]) == pytest.approx(0.3, abs=0.01)
    assert threshold.value == pytest.approx(0.85, abs=0.05), "of 30 % the cosine is above"


def test_a_cache_tells_it():
    cache = semantic(8, threshold=Moving(false_hits=0.1, start=0.9, step=0.1))
    ask(cache, request("0 degrees", 0))  # a miss: down by 0.01
    assert cache.threshold.value == pytest.approx(0.89)
    assert ask(cache, request("25 degrees", 1)).hit  # cos 25 = 0.906, and another question: up by 0.09
    assert cache.threshold.value == pytest.approx(0.98)
    ask(cache, request("1 degrees"))  # a hit that nobody can judge
    assert cache.threshold.value == pytest.approx(0.98)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "false_hits None, hits None; give one of them, above 0 and below 1"),
        ({"false_hits": 0.1, "hits": 0.1}, "give one of them"),
        ({"false_hits": 0.0}, "give one of them"),
        ({"hits": float("nan")}, "give one of them"),
        ({"hits": 0.5, "start": 1.5}, "start 1.5, step 0.01; start from 0 to 1"),
        ({"hits": 0.5, "step": 0}, "with a step above 0 up to 1"),
    ],
)
def test_impossible_ones_are_refused(options, message):
    with pytest.raises(CacheError, match=message):
        Moving(**options)
