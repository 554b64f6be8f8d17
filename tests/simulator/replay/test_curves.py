"""Curves: the rows are those of replays, whatever the threads, and LRU's whole curve agrees with them."""

from __future__ import annotations

import numpy as np
import pytest

import kvreplay
from kvreplay.policies import PolicyError
from kvreplay.simulator.replay import CapacityError, curve, curve_rows, lru_curve, replay
from kvreplay.traces import Trace, TraceError


@pytest.fixture(scope="module")
def zipf():
    return kvreplay.generate("zipf", requests=30_000, keys=3_000, seed=1)


def test_rows_are_those_of_replays(zipf):
    rows = curve_rows(zipf, ["lru", "arc"], [10, "10%", "unlimited"], threads=2)
    cells = [(policy, capacity) for policy in ("lru", "arc") for capacity in (10, "10%", "unlimited")]
    assert rows == [replay(zipf, *cell).row for cell in cells]


def test_options_are_those_of_replay(zipf):
    (row,) = curve_rows(zipf, ["random"], [100], warmup=0.5, seed=3)
    assert row == replay(zipf, "random", 100, warmup=0.5, seed=3).row


def test_capacities_run_from_a_thousandth_to_the_whole_trace(zipf):
    rows = curve_rows(zipf, ["lru"], points=9)
    capacities = np.array([row["capacity"] for row in rows])
    assert capacities[0] == zipf.n_pages // 1000
    assert capacities[-1] == zipf.n_pages
    steps = np.diff(np.log(capacities[3:]))  # the first ones are rounded to whole pages
    assert steps.max() / steps.min() < 1.2
    assert [row["hits"] for row in rows] == lru_curve(zipf).hits[capacities - 1].tolist()


def test_all_policies_are_those_that_fit(zipf):
    exact = {row["policy"] for row in curve_rows(zipf, None, [100])}
    sampled = {row["policy"] for row in curve_rows(zipf, None, [300], sample=0.1)}
    assert {"lru", "belady", "mru", "w-tinylfu"} <= exact <= set(kvreplay.policies.names())
    assert "mru" not in sampled
    assert {"lru", "belady", "w-tinylfu"} <= sampled


def test_estimates_know_no_more_than_samples_can(zipf):
    lru, arc = curve_rows(zipf, ["lru", "arc"], [600], sample=0.05, threads=1)
    assert lru["hits"] == replay(zipf, "lru", 600).row["hits"]
    assert lru["half_width"] is None
    assert arc["hits"] is None
    assert arc["prefix_hit_ratio"] is None
    assert 0 < arc["half_width"] < 0.2
    assert curve_rows(zipf, ["lru", "arc"], [600], sample=0.05, threads=4) == [lru, arc]
    line = curve(zipf, "arc", [600], sample=0.05)
    assert (line.hit_ratio[0], line.half_width[0]) == (arc["hit_ratio"], arc["half_width"])


def test_what_has_finished_is_told(zipf):
    told: list[tuple[int, int]] = []
    curve_rows(zipf, ["lru", "fifo"], [10, 20], watch=lambda *numbers: told.append(numbers))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"capacities": [10**6]}, CapacityError, "capacity 1000000 is larger than"),
        ({"reading": "prefix"}, TraceError, "do not form prefixes"),
        ({"warmup": 1}, ValueError, "warmup 1: is no share of the requests"),
        ({"sample": 0.05, "warmup": 0.1}, TraceError, "replay the prefix reading, a warm-up"),
        ({"sample": 0.05, "capacities": [50]}, CapacityError, "capacity 50: samples of 0.05 of the pages need 201"),
        ({"sample": 0.05, "policies": ["mru"]}, PolicyError, "policy mru is another one in a small cache"),
    ],
)
def test_mistakes_come_before_any_replay(zipf, arguments, error, message):
    def watch(finished: int, total: int) -> None:
        pytest.fail("a cell was replayed")

    with pytest.raises(error, match=message):
        curve_rows(zipf, **({"policies": ["arc"]} | arguments), watch=watch)


def test_samples_do_not_tear_prefixes():
    chat = kvreplay.generate("conversation", sessions=30, seed=1)
    with pytest.raises(TraceError, match="samples of pages tear prefixes and times apart; replay the prefix reading"):
        curve_rows(chat, ["lru"], sample=0.1, reading="prefix")


def test_curves_of_sized_objects_count_in_one_unit():
    sized = Trace("sized", np.arange(400, dtype=np.uint32) % 200, 200, page_bytes=np.full(200, 10))
    assert [row["capacity"] for row in curve_rows(sized, ["lru"], ["500B", "50%"])] == [500, 1000]
    with pytest.raises(CapacityError, match="a curve has capacities in pages or in bytes; give all in one of them"):
        curve_rows(sized, ["lru"], ["500B", 100])
    with pytest.raises(CapacityError, match="capacity 1000B: samples of sized count in pages; give it in pages"):
        curve_rows(sized, ["lru"], ["1000B"], sample=0.1)


def test_lengths_alone_have_no_curve():
    lengths = Trace(
        "lengths", np.empty(0, np.uint32), 0, prompt_tokens=np.ones(3, np.int32), page_offsets=np.zeros(4, int)
    )
    with pytest.raises(TraceError, match="carries lengths but no page identity"):
        curve_rows(lengths)
