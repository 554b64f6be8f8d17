"""Memory divided among tiers: what entries take, and what shadows know of hits at other sizes."""

from __future__ import annotations

import numpy as np
import pytest

import kvreplay
from kvreplay.simulator.caches.division import _answering, entry_bytes
from kvreplay.simulator.caches.front import front
from kvreplay.simulator.caches.request import requests
from kvreplay.simulator.caches.sizing.hit_curve import STEPS, HitCurve
from kvreplay.simulator.caches.stack import parse

LARGEST = 512
SEMANTIC = {"embedder": "idf-seeded", "threshold": 0.7, "index": "flat"}


@pytest.fixture(scope="module")
def paraphrased():
    return kvreplay.generate("paraphrased", requests=1500, intents=200, verbatim_share=0.4)


def shadow_curve(trace, stack) -> HitCurve:
    (tier,) = stack.tiers
    shadow = tier.build(trace, 0, capacity=LARGEST)
    curve = HitCurve(LARGEST, LARGEST)
    curve.observe(np.array([_answering(shadow, request) for request in requests(trace)], np.uint32))
    return curve


def hit_ratio(trace, name, capacity, **params) -> float:
    """That of a cache of `capacity`, for which all of `trace` is replayed."""
    return front(trace, parse([{name: {"capacity": capacity, **params}}]), 0, 0).figures["answered_ratio"]


def test_what_entries_take(paraphrased):
    exact, semantic = parse(["exact", {"semantic": SEMANTIC}]).tiers
    tokens = paraphrased.prompt_tokens.mean() + paraphrased.output_tokens.mean()
    assert entry_bytes(paraphrased, exact) == round(4 * tokens) + 256
    assert entry_bytes(paraphrased, semantic) == round(4 * tokens + 4 * semantic.dimensions) + 256


def test_the_curve_of_an_exact_tier_is_that_of_replays(paraphrased):
    curve = shadow_curve(paraphrased, parse(["exact"]))
    for step in (8, 64, STEPS):
        expected = hit_ratio(paraphrased, "exact", int(curve.sizes[step]))
        assert curve.hit_ratios[step] == pytest.approx(expected, abs=1e-12)


def test_the_curve_of_a_semantic_tier_is_near_that_of_replays(paraphrased):
    """Who is answered by whom depends on what is held: the error is within 3 points, and none at the shadow's size."""
    curve = shadow_curve(paraphrased, parse([{"semantic": SEMANTIC}]))
    steps = [8, 16, 32, 64, 128, STEPS]
    expected = [hit_ratio(paraphrased, "semantic", int(curve.sizes[step]), **SEMANTIC) for step in steps]
    errors = curve.hit_ratios[steps] - expected
    assert np.abs(errors).max() < 0.03
    assert abs(errors[-1]) < 1e-12
    assert expected[-1] - expected[0] > 0.2, "it is a curve and no line"
