"""Reports of sampled traces speak of the whole trace, and say how sure they are."""

from __future__ import annotations

import math

import pytest

from kvreplay.simulator.experiment import run
from kvreplay.simulator.replay import replay
from kvreplay.simulator.report import comparison, explorer, samples, summary, table
from kvreplay.simulator.report.workloads import workloads
from kvreplay.traces.workloads import generate

TRACE = {"generate": "zipf", "requests": 20_000, "keys": 2000}


def sampled(folder, parts):
    trace = TRACE | {"sample": 0.1, "part": parts}
    return run({"name": "s", "trace": trace, "policy": ["lru", "fifo"], "capacity": ["10%"], "windows": 20}, folder)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return sampled(tmp_path_factory.mktemp("whole"), list(range(10)))


@pytest.fixture(scope="module")
def some(tmp_path_factory):
    return sampled(tmp_path_factory.mktemp("some"), [0, 1, 2])


def test_all_parts_together_are_the_whole_without_an_interval(whole):
    (workload,) = workloads(whole.rows)
    (point,) = workload.curves("hit_ratio")["lru"]
    hits = sum(row["hits"] for row in workload.rows if row["policy"] == "lru")
    assert point.low == point.mean == point.high == pytest.approx(hits / 20_000, abs=1e-3)
    trace = generate("zipf", requests=TRACE["requests"], keys=TRACE["keys"])
    truth = replay(trace, "lru", "10%").row["hit_ratio"]
    assert point.mean == pytest.approx(truth, abs=0.02)  # caches of 17 pages
    ((_, text),) = samples.answer([workload])
    assert text.startswith("10 samples of 10 % of the pages make up the whole trace, so that the draw adds no error.")


def test_some_parts_have_the_interval_of_a_larger_sample(some):
    (workload,) = workloads(some.rows)
    (point,) = workload.curves("hit_ratio")["fifo"]
    rows = [row for row in workload.rows if row["policy"] == "fifo"]
    assert point.mean == pytest.approx(sum(row["whole_hit_ratio"] for row in rows) / 3)
    # Of totals over 30 % of a finite population, against three of 10 % each.
    half_width = math.sqrt(sum(row["half_width"] ** 2 for row in rows) / 3 / 3 * 0.7 / 0.9)
    assert (point.high - point.mean, point.mean - point.low) == pytest.approx((half_width, half_width))
    cell = f"{100 * point.mean:.2f} ({100 * point.low:.2f}–{100 * point.high:.2f})"
    assert cell in [row[1] for row in table.ratios(workload, "hit_ratio").rows]
    assert explorer._spread(rows, "hit_ratio") == pytest.approx([point.mean, point.low, point.high], abs=1e-6)
    page = summary.page(some)
    assert "page hit ratio in %, with 95 % intervals, by capacity" in page
    assert (
        "from 3 samples of 10 % of the pages (SHARDS, FAST 2015); a 95 % interval is for the luck of the draw" in page
    )


def test_a_difference_is_no_surer_than_the_samples_it_is_told_from(some):
    found = comparison.compare(some, policies=("lru", "fifo"), metrics=["hit_ratio"]).differences[0]
    (workload,) = workloads(some.rows)
    points = [workload.curves("hit_ratio")[policy][0] for policy in ("lru", "fifo")]
    assert found.difference == pytest.approx(points[1].mean - points[0].mean)
    assert found.half_width >= math.hypot(*(point.high - point.mean for point in points)) - 1e-12


def test_a_whole_trace_is_no_estimate(tmp_path):
    results = run({"name": "s", "trace": TRACE, "policy": "lru", "capacity": "10%"}, tmp_path)
    (workload,) = workloads(results.rows)
    assert (workload.is_sampled, samples.answer([workload])) == (False, [])
