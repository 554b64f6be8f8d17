"""Estimates from samples: intervals that cover the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

import kvreplay
from kvreplay.policies import PolicyError
from kvreplay.simulator.replay import CapacityError, Samples, replay
from kvreplay.traces import Trace, TraceError, store

CAPACITIES = [400, 2_000]


@pytest.fixture(scope="module")
def drifting():
    """Popularity that moves: the policies' small queues and windows matter, most of all where they are of few pages."""
    return kvreplay.generate("zipf", requests=150_000, keys=30_000, skew=0.8, drift=1, seed=3)


@pytest.fixture(scope="module")
def estimates(drifting):
    """By 20 independent draws."""
    drawn = [Samples(drifting, 0.04, seed=seed) for seed in range(20)]
    return lambda policy, capacity: [samples.estimate(policy, capacity) for samples in drawn]


# Samples hold caches of 16 and 80 pages: S3-FIFO's small queue is 1 page of 16, W-TinyLFU's window 1 page instead
# of a hundredth, its sketch 1.6 entries a page, and Belady's MIN is worse off the fewer pages it can choose among.
@pytest.mark.parametrize("capacity", CAPACITIES)
@pytest.mark.parametrize("policy", ["lru", "s3-fifo", "qd-lp-fifo", "w-tinylfu", "w-tinylfu-80-20", "belady"])
def test_intervals_cover_the_truth(drifting, estimates, policy, capacity):
    """Of 20 intervals of 95 %, fewer than 15 cover with a probability of 0.03 % (binomial)."""
    truth = replay(drifting, policy, capacity).row["hit_ratio"]
    covered = sum(abs(e.hit_ratio - truth) <= e.half_width for e in estimates(policy, capacity))
    assert covered >= 15


def test_intervals_are_no_wider_than_they_must_be(drifting, estimates):
    """LRU is the same in any size, so that its intervals are those of the luck of the draw: t x sd = 2.4 sd."""
    drawn = estimates("lru", 2_000)
    spread = np.std([e.hit_ratio for e in drawn], ddof=1)
    assert 1.5 < np.mean([e.half_width for e in drawn]) / spread < 4


def test_intervals_shrink_with_the_sample(drifting):
    few, many = (
        np.mean([Samples(drifting, rate, seed=seed).estimate("lru", 4_000).half_width for seed in range(6)])
        for rate in (0.01, 0.1)
    )
    assert many < few / 2


@pytest.mark.parametrize("policy", ["lru", "fifo", "lfu", "w-tinylfu"])
def test_a_cache_of_everything_is_known_exactly(drifting, policy):
    estimate = Samples(drifting, 0.03).estimate(policy, drifting.n_pages)
    assert estimate.hit_ratio == pytest.approx(1 - drifting.n_pages / drifting.n_accesses, abs=1e-12)
    assert estimate.half_width == 0


def test_samples_worked_by_hand():
    """160 pages in turn, 5 times: LRU hits nothing in a cache of 80, nor in a sample of 20 in one of 10."""
    loop = Trace("loop", np.tile(np.arange(160, dtype=np.uint32), 5), 160)
    samples = Samples(loop, 0.125, count=6)
    assert samples.estimate("lru", 80) == pytest.approx((0, 0))
    assert samples.estimate("lru", 160) == pytest.approx((0.8, 0))
    assert samples.least_capacity == 80
    with pytest.raises(CapacityError, match=r"capacity 79: samples of 0.12 of the pages need 80 pages or more"):
        samples.estimate("lru", 79)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rate": 0.2, "count": 6}, ValueError, "6 disjoint samples of 0.2"),
        ({"rate": 0.1, "count": 8}, ValueError, "use 3 x 2 of them or more"),
        ({"rate": 0}, ValueError, "samples of 0 of the pages"),
        ({"rate": float("nan")}, ValueError, "samples of nan of the pages"),
        ({"rate": 1e-5}, TraceError, "are 0 pages; raise the rate"),
    ],
)
def test_impossible_samples(drifting, options, error, message):
    with pytest.raises(error, match=message):
        Samples(drifting, **options)


def test_policies_that_samples_tell_nothing_about_are_refused(drifting):
    with pytest.raises(PolicyError, match="policy mru is another one in a small cache; replay it in full"):
        Samples(drifting, 0.04).estimate("mru", 2_000)


def test_samples_of_mapped_and_generated_traces_are_those_of_one_in_memory(tmp_path):
    stream = kvreplay.generate("zipf_stream", requests=600_000, keys=2000, skew=0.5)
    kept = Trace("t", stream.read(0, 600_000), 2000)
    store.save(kept, tmp_path / "t.kvtrace")
    mapped = store.open_trace(tmp_path / "t.kvtrace")
    expected = Samples(kept, 0.05).estimate("fifo", 500)
    assert Samples(mapped, 0.05).estimate("fifo", 500) == Samples(stream, 0.05).estimate("fifo", 500) == expected
