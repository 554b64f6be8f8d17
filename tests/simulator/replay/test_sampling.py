"""Estimates from samples: intervals that cover the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

import kvreplay
from kvreplay.simulator.replay import CapacityError, estimate_curve, replay

CAPACITIES = [400, 2_000, 8_000]


@pytest.fixture(scope="module")
def zipf():
    return kvreplay.generate("zipf", requests=200_000, keys=20_000, skew=0.8, seed=3)


@pytest.mark.parametrize("policy", ["lru", "s3-fifo", "lfu"])
def test_intervals_cover_the_truth(zipf, policy):
    """Of 95 % intervals from 40 independent draws, fewer than 32 cover with a probability of 0.1 % (binomial)."""
    truth = [replay(zipf, policy, capacity).row["hit_ratio"] for capacity in CAPACITIES]
    covered = np.zeros(len(truth), int)
    for seed in range(40):
        estimates = estimate_curve(zipf, policy, CAPACITIES, rate=0.05, samples=8, seed=seed)
        covered += [abs(e.hit_ratio - true) <= e.half_width for e, true in zip(estimates, truth, strict=True)]
    assert (covered >= 32).all(), covered


def test_intervals_shrink_with_the_sample(zipf):
    widths = [
        np.mean([e.half_width for e in estimate_curve(zipf, "lru", [8_000], rate=rate, samples=4, seed=seed)])
        for rate in (0.01, 0.2)
        for seed in range(8)
    ]
    assert np.mean(widths[8:]) < np.mean(widths[:8]) / 2


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rate": 0.2, "samples": 6}, ValueError, "6 disjoint samples of 0.2"),
        ({"rate": 0}, ValueError, "samples of 0 of the pages"),
        ({"rate": 0.001}, CapacityError, "need 10000 pages or more; raise the rate"),
    ],
)
def test_impossible_samples(zipf, options, error, message):
    with pytest.raises(error, match=message):
        list(estimate_curve(zipf, "lru", [400], **options))
