"""Parts of a trace's pages: drawn once where they are replayed, and what they tell of the whole trace."""

from __future__ import annotations

import gc
import math
import pickle

import numpy as np
import pytest

import kvreplay
from kvreplay.policies import PolicyError
from kvreplay.simulator.replay import CapacityError, Part, replay
from kvreplay.simulator.replay.part import _drawn, of_whole
from kvreplay.traces import Trace, TraceError, store


@pytest.fixture(scope="module")
def drifting():
    return kvreplay.generate("zipf", requests=150_000, keys=30_000, skew=0.8, drift=1, seed=3)


@pytest.fixture(scope="module")
def skewed():
    """A few pages are asked for very often: which part has them is luck."""
    return kvreplay.generate("zipf", requests=150_000, keys=30_000, skew=1.1, seed=4)


def test_parts_are_disjoint_and_make_up_the_whole(drifting):
    parts = [Part(drifting, 1 / 9, number) for number in range(9)]
    drawn = [part.drawn() for part in parts]
    assert sum(trace.n_accesses for trace in drawn) == drifting.n_accesses
    assert sum(trace.n_pages for trace in drawn) == drifting.n_pages
    assert sum(part.expected for part in parts) == pytest.approx(drifting.n_accesses)
    for part, trace in zip(parts, drawn, strict=True):
        assert (part.name, part.n_pages, part.meta) == (trace.name, trace.n_pages, trace.meta)
        assert part.content_hash == trace.content_hash
    assert [part.meta["seed"] for part in parts] == list(range(9))
    assert len({part.content_hash for part in parts}) == 9
    with pytest.raises(TraceError, match=r"part 9 of samples of 0\.111111 has 0 pages; raise the rate"):
        Part(drifting, 1 / 9, 9)


def test_a_part_is_drawn_once_for_all_who_replay_it_at_a_time(drifting):
    first = Part(drifting, 0.1, 1).drawn()
    assert Part(drifting, 0.1, 1).drawn() is first
    at = id(first)
    del first
    assert id(Part(drifting, 0.1, 1).drawn()) == at  # the latest one is kept
    Part(drifting, 0.1, 2).drawn()
    gc.collect()
    assert [name for _, name in _drawn] == [f"{drifting.name}, sample of 0.1"]


def test_a_part_travels_undrawn_and_refuses_to_be_looked_at(drifting, tmp_path):
    store.save(drifting, tmp_path / "t.kvtrace")
    part = pickle.loads(pickle.dumps(Part(store.open_trace(tmp_path / "t.kvtrace"), 0.1)))
    assert part.content_hash == Part(drifting, 0.1).content_hash
    assert np.array_equal(part.drawn().pages, Part(drifting, 0.1).drawn().pages)
    with pytest.raises(TraceError, match="is not drawn yet; replay it, or draw it"):
        part.pages  # noqa: B018


@pytest.mark.parametrize("policy", ["lru", "s3-fifo", "lfu"])
def test_a_whole_trace_in_parts_hits_as_one(drifting, policy):
    """Every access is counted; what differs is that nine caches of a ninth share no room."""
    truth = replay(drifting, policy, "10%").row["hit_ratio"]
    rows = [replay(Part(drifting, 1 / 9, number), policy, "10%").row for number in range(9)]
    together = sum(row["hits"] for row in rows) / drifting.n_accesses
    assert abs(together - truth) < 0.02
    assert np.mean([row["whole_hit_ratio"] for row in rows]) == pytest.approx(together, abs=1e-4)


# LFU is left out where popularity drifts: in a small cache fewer pages that were popular once are in its way, which no
# interval for the luck of the draw covers.
@pytest.mark.parametrize(
    ("trace", "policy"),
    [
        *(("drifting", policy) for policy in ("lru", "s3-fifo", "random")),
        *(("skewed", policy) for policy in ("lru", "s3-fifo", "random", "lfu")),
    ],
)
@pytest.mark.parametrize("capacity", ["2%", "20%"])
def test_intervals_cover_the_exact_replay(trace, policy, capacity, request):
    """Of 20 intervals of 95 %, fewer than 15 cover with a probability of 0.03 % (binomial)."""
    whole = request.getfixturevalue(trace)
    truth = replay(whole, policy, capacity).row["hit_ratio"]
    rows = [replay(Part(whole, 0.05, number), policy, capacity, windows=1).row for number in range(20)]
    errors = np.array([row["whole_hit_ratio"] - truth for row in rows])
    widths = np.array([row["half_width"] for row in rows])
    assert np.count_nonzero(abs(errors) <= widths) >= 15
    # Nor are they wide enough to cover anything: 1.96 standard deviations, and up to three times as much where pages
    # that come and go count as if they stayed.
    assert np.mean(widths) < 3 * 1.96 * np.std(errors)


def test_the_interval_is_cochran_s_of_a_total():
    """100 of 400 pages are drawn; each is missed once, and every fifth of them, those that stay, keeps out 2 others."""
    whole = Trace("t", np.repeat(np.arange(400, dtype=np.uint32), 10), 400)
    part = Part(whole, 0.25)
    stays = np.arange(100) % 5 == 0
    found = of_whole(part, np.ones(100, np.int64), stays.astype(np.uint8), 2.0)
    assert found.hit_ratio == 0.9
    deviation = math.sqrt(sum((2 * stay - 0.4) ** 2 for stay in stays) / 99)
    assert found.half_width == pytest.approx(1.98422 * math.sqrt(0.75 * 100) * deviation / 1000, rel=1e-5)


@pytest.mark.parametrize("policy", ["lru", "w-tinylfu"])
def test_what_is_known_for_sure_has_no_interval(drifting, policy):
    row = replay(Part(drifting, 0.1), policy, "100%").row
    assert row["whole_hit_ratio"] == pytest.approx(1 - drifting.n_pages / drifting.n_accesses, abs=1e-12)
    assert (row["sample"], row["half_width"]) == (0.1, 0)
    row = replay(Part(drifting, 1), policy, "5%").row
    assert (row["whole_hit_ratio"], row["half_width"]) == (pytest.approx(row["hit_ratio"]), 0)
    assert row["hits"] == replay(drifting, policy, "5%").row["hits"]


def test_what_samples_do_not_tell(drifting):
    part = Part(drifting, 0.1)
    row = replay(part, "lru", "5%", warmup=0.5).row
    assert (row["sample"], row["whole_hit_ratio"], row["half_width"]) == (0.1, None, None)
    assert replay(drifting, "lru", "5%").row["sample"] is None
    with pytest.raises(PolicyError, match="policy mru is another one in a small cache; replay it in full"):
        replay(part, "mru", "5%")
    with pytest.raises(CapacityError, match=r"capacity 9: comes to 9 pages of a sample of 0\.1, which tell nothing"):
        replay(part, "lru", 9)
