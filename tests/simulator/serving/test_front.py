"""Caches of whole answers in front of simulated servers: the same hits as without a clock, where nothing overlaps."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

import kvreplay as kv

STACK = ["exact", {"semantic": {"embedder": "idf-seeded", "threshold": 0.8}}]
SMALL = {"model": "smollm2-135m", "exact_seconds": 1e-4, "semantic_seconds": 1e-3, "stack": STACK}


@pytest.fixture(scope="module")
def questions():
    return kv.generate("paraphrased", requests=150, seed=4)


def test_serial_requests_are_answered_as_without_a_clock(questions):
    timed = kv.simulate(questions, rate=1e-5, **SMALL).row
    untimed = kv.replay(questions, "lru", "unlimited", reading="prefix", stack=STACK).row
    assert timed["answered"] == untimed["answered"] > 0
    for name in ("exact", "semantic"):
        figures = [f"{name}_{figure}" for figure in ("lookups", "hits", "true_hits", "false_hits", "precision")]
        known = [figure for figure in figures if figure in untimed]
        assert known
        assert [timed[figure] for figure in known] == [untimed[figure] for figure in known]


def test_an_answer_takes_its_lookups_and_no_replica(questions):
    requests = kv.simulate(questions, rate=1e-5, **SMALL).requests
    for tier, seconds in (("exact", 1e-4), ("semantic", 1.1e-3)):
        answered = requests.filter(pl.col("tier") == tier)
        assert len(answered)
        assert answered["replica"].is_null().all()
        assert answered["e2e"].to_numpy() == pytest.approx(seconds, rel=1e-3)
    others = requests.filter(pl.col("tier").is_null())
    assert others["queueing"].min() == pytest.approx(1.1e-3, rel=1e-3)


def test_of_equal_requests_at_once_none_is_answered(questions):
    """Only what was generated to its end is cached: with a clock there are fewer hits the more requests overlap."""
    equal = kv.generate("repetitive", requests=20, questions=1, seed=1)
    equal = dataclasses.replace(equal, arrival=np.zeros(20))
    assert kv.simulate(equal, stack=["exact"]).row["answered"] == 0
    apart = dataclasses.replace(equal, arrival=np.arange(20) * 1e4)
    assert kv.simulate(apart, stack=["exact"]).row["answered"] == 19


def test_a_stack_that_does_not_fit(questions):
    with pytest.raises(ValueError, match=r"^stack: .exacto. is no tier; did you mean .exact.[?]$"):
        kv.simulate(questions, stack=["exacto"])
    with pytest.raises(ValueError, match=r"has no texts for the semantic cache; use a trace with texts$"):
        kv.simulate(kv.generate("conversation", sessions=3), stack=["semantic"])
