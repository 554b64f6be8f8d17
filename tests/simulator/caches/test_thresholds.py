"""Rules for hits that learn from misses, held to what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from kvreplay.parameters import ParameterError
from kvreplay.simulator.caches import indexes, thresholds
from kvreplay.simulator.caches.entries import Entry
from kvreplay.simulator.caches.errors import CacheError
from kvreplay.simulator.caches.semantic import SemanticCache

from .fakes import Angles, request
from .test_exact import ask


def entry(slot: int = 0) -> Entry:
    made = Entry(slot, slot, slot)
    made.value = object()
    return made


def taught(rule, scores, right):
    one = entry()
    for score, is_right in zip(scores, right, strict=True):
        assert not rule.accepts(one, 1.0)
        rule.learn(one, float(score), bool(is_right))
    return rule


def test_calibration_by_hand():
    # Right from .8 upwards, wrong below: 100 hits at .9, 100 more at .8, and 100 wrong ones at .7.
    scores, right = [0.9] * 100 + [0.8] * 100 + [0.7] * 100, [True] * 200 + [False] * 100
    rule = taught(thresholds.Calibrated(lookups=300), scores, right)
    # Below .8 there is nothing down to .7, where 200 of 300 are right.
    assert rule.value == 0.71
    assert rule.limit == pytest.approx(0.05 ** (1 / 200))
    assert rule.accepts(entry(), 0.71)
    assert not rule.accepts(entry(), 0.709)
    before = rule.value
    rule.learn(entry(), 0.95, False)  # what comes after the first lookups changes nothing
    assert rule.value == before


def test_too_few_or_too_poor_lookups_allow_no_hit():
    few = taught(thresholds.Calibrated(lookups=58), [0.9] * 58, [True] * 58)  # .95 ** 58 is above .05
    assert few.value is None
    assert not few.accepts(entry(), 1.0)
    assert taught(thresholds.Calibrated(lookups=59), [0.9] * 59, [True] * 59).value is not None
    assert taught(thresholds.Calibrated(lookups=90), [0.9] * 90, [True] * 80 + [False] * 10).value is None


def test_a_calibrated_precision_is_missed_as_seldom_as_promised():
    rng = np.random.default_rng(0)
    runs, missed = 200, 0
    for _ in range(runs):
        scores = rng.uniform(0, 1, 400)
        rule = taught(thresholds.Calibrated(precision=0.9, lookups=400), scores, rng.random(400) < scores**0.25)
        # Above t a hit is right with the mean probability over t .. 1: the integral of s ** .25.
        missed += rule.value is not None and (1 - rule.value**1.25) / 1.25 / (1 - rule.value) < 0.9
    assert missed <= 0.05 * runs + 3 * (0.05 * 0.95 * runs) ** 0.5


@pytest.mark.parametrize("boundary", [0.3, 0.7, 1.2])
def test_a_learned_rule_keeps_its_error(boundary):
    rng = np.random.default_rng(1)
    rule = thresholds.Learned(error=0.05, seed=3)
    entries = [entry(slot) for slot in range(5)]
    lookups, hits, false = 3000, 0, 0
    for i in range(lookups):
        score = rng.uniform(0, 1)
        right = rng.random() < 1 / (1 + np.exp(-20 * (score - boundary)))
        if rule.accepts(entries[i % 5], score):
            hits, false = hits + 1, false + (not right)
        else:
            rule.learn(entries[i % 5], score, bool(right))
    assert false <= 0.05 * lookups
    # Where half of the lookups are surely right it comes to answer many of them.
    assert hits > 0.4 * lookups if boundary == 0.3 else hits < 0.3 * lookups


def test_an_entry_learns_for_itself_and_not_for_the_next_in_its_slot():
    rule = thresholds.Learned(observations=6)
    one, next_one = entry(), entry()
    for _ in range(200):
        rule.learn(one, 0.9, True)
    assert sum(rule.accepts(one, 0.95) for _ in range(100)) > 50
    assert not any(rule.accepts(next_one, 0.95) for _ in range(100))
    for _ in range(5):
        rule.learn(next_one, 0.9, True)
        assert not rule.accepts(next_one, 1.0)


def test_a_learned_rule_is_the_same_under_its_seed():
    def decisions(seed: int) -> list[bool]:
        rule, one = thresholds.Learned(seed=seed), entry()
        for _ in range(30):
            rule.learn(one, 0.8, True)
        return [rule.accepts(one, 0.9) for _ in range(50)]

    assert decisions(1) == decisions(1)
    assert decisions(1) != decisions(2)


def test_a_cache_learns_from_misses_alone():
    class Recorder(thresholds.Static):
        learned: tuple = ()

        def learn(self, entry, score, right):
            self.learned += ((entry.value.request.text, round(score, 3), right),)

    rule = Recorder(0.9)
    cache = SemanticCache(Angles(), indexes.get("flat", 2, 4), 4, threshold=rule, compiled=False)
    for text, intent in (
        ("0 degrees", 0),
        ("10 degrees", 0),
        ("60 degrees", 0),
        ("90 degrees", 1),
        ("100 degrees", -1),
    ):
        ask(cache, request(text, intent))
    # The first found nothing, the second hit, and the last is of unknown intent.
    assert rule.learned == (("0 degrees", 0.5, True), ("60 degrees", 0.866, False))


def test_what_is_covered_need_not_be_held():
    def entries(**options) -> int:
        cache = SemanticCache(Angles(), indexes.get("flat", 2, 4), 4, threshold=0.9, compiled=False, **options)
        for text, intent in (("0 degrees", 0), ("60 degrees", 0), ("60 degrees", 1)):
            ask(cache, request(text, intent))
        return len(cache.entries)

    assert entries() == 2  # the third hits the second, wrongly
    assert entries(skip_covered=True) == 2  # the second is covered by the first; the third is not


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("calibrate", "did you mean 'calibrated'"),
        ("calibrated:precision=1", "'precision' is 1"),
        ("learned:error=0", "'error' is 0"),
        ("learned:erro=0.1", "unknown parameter 'erro'"),
        (-1.5, "threshold -1.5"),
    ],
)
def test_mistakes_are_told(spec, message):
    with pytest.raises((CacheError, ParameterError), match=message):
        thresholds.get(spec)


def test_names_are_what_get_reads():
    for spec in ("calibrated", "calibrated:precision=0.9:lookups=50", "learned:error=0.01"):
        assert thresholds.get(spec).name == spec
    assert thresholds.get(0.85).name == "0.85"
