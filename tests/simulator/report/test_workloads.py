"""Rows as workloads and curves."""

from __future__ import annotations

import pytest

from kvreplay.simulator.report.errors import ReportError
from kvreplay.simulator.report.findings import find
from kvreplay.simulator.report.workloads import Point, workloads

from .rows import row, save


def one(tmp_path, rows):
    (found,) = workloads(save(tmp_path, rows).rows)
    return found


def test_a_workload_per_trace_reading_and_unit(tmp_path):
    rows = [
        row(),
        row(trace="logs"),
        row(reading="prefix"),
        row(capacity=2**20, footprint=2**22, capacity_unit="bytes"),
        row("fifo"),
        row(warmup=0.25),
        row(ttl=90.0),
    ]
    titles = [workload.title for workload in workloads(save(tmp_path, rows).rows)]
    assert titles == [
        "web, independent pages",
        "logs, independent pages",
        "web, prefix pages",
        "web, independent pages by size in bytes",
        "web, after a warm-up of 25 %, independent pages",
        "web, ttl 90 s, independent pages",
    ]


def test_curves_are_over_capacity_best_policy_first(tmp_path):
    rows = [
        row("fifo", [10], capacity=200),
        row("fifo", [20], capacity=100),
        row("random", [30], seed=0),
        row("random", [50], seed=1),
        row("random", [46], seed=2),
    ]
    curves = one(tmp_path, rows).curves("hit_ratio")
    assert list(curves) == ["random", "fifo"]
    assert curves["fifo"] == [Point(100, 0.1, 0.2, 0.2, 0.2), Point(200, 0.2, 0.1, 0.1, 0.1)]
    assert curves["random"] == [Point(100, 0.1, pytest.approx(0.42), 0.3, 0.5)]


def test_null_and_nan_are_no_points(tmp_path):
    rows = [row(hit_ratio=float("nan")), row("fifo", hit_ratio=None), row("lfu", hit_ratio=0.0)]
    assert list(one(tmp_path, rows).curves("hit_ratio")) == ["lfu"]


def test_infinite_cache_misses_each_page_once(tmp_path):
    # 400 accesses to 150 distinct pages: 250 of them come again.
    workload = one(tmp_path, [row(hits=[1, 2, 3, 4], capacity=30, footprint=150, requests=80)])
    assert workload.infinite("hit_ratio") == pytest.approx(250 / 400)
    assert workload.infinite("token_hit_ratio") is None
    assert workload.infinite("prefix_hit_ratio") is None


@pytest.mark.parametrize("setting", [{"warmup": 0.25}, {"ttl": 90.0}])
def test_no_bound_is_claimed_for_a_part_of_the_trace_or_for_entries_that_expire(tmp_path, setting):
    rows = [row(**setting), row("belady", [90] * 4, **setting)]
    workload = one(tmp_path, rows)
    assert workload.infinite("hit_ratio") is None
    assert workload.optimum("hit_ratio") == {}
    assert [finding.closed for finding in find(workload, "hit_ratio")] == [None]
    assert find(one(tmp_path, [row(), row("belady", [90] * 4)]), "hit_ratio")[0].closed is not None


def test_infinite_cache_is_the_mean_over_traces_of_several_seeds(tmp_path):
    rows = [
        row(capacity=10, footprint=100, trace_hash="a", trace_seed=0),
        row(capacity=20, footprint=200, trace_hash="b", trace_seed=1),
    ]
    assert one(tmp_path, rows).infinite("hit_ratio") == pytest.approx((300 / 400 + 200 / 400) / 2)


def test_the_optimum_is_known_for_page_hits_of_pages_of_one_size(tmp_path):
    def optimum(metric, **changes):
        return one(tmp_path, [row("belady-bypass", [90] * 4, **changes)]).optimum(metric)

    assert optimum("hit_ratio") == optimum("hit_ratio", reading="prefix") == {100: 0.9}
    assert optimum("prefix_hit_ratio", reading="prefix") == {100: 0.9}
    assert optimum("prefix_hit_ratio") == optimum("request_mean_hit_ratio") == {}
    assert optimum("hit_ratio", capacity_unit="bytes") == {}


def test_the_optimum_is_never_below_a_policy(tmp_path):
    rows = [row("lru"), row("picky", [80] * 4), row("belady", [79] * 4)]
    assert one(tmp_path / "min", rows).optimum("hit_ratio") == {}
    assert one(tmp_path / "min", rows).way("hit_ratio", 100) == {}
    with_bypass = one(tmp_path / "both", [*rows, row("belady-bypass", [81] * 4)])
    assert with_bypass.optimum("hit_ratio") == {100: 0.81}
    assert with_bypass.way("hit_ratio", 100) == {
        "lru": 0,
        "picky": pytest.approx(35 / 36),
        "belady": pytest.approx(34 / 36),
        "belady-bypass": 1,
    }


def test_traces_of_one_name_and_seed_but_other_content_are_kept_apart(tmp_path):
    rows = [row(trace_hash="a" * 30), row(trace_hash="b" * 30), row(trace="logs")]
    results = save(tmp_path, rows)
    assert [workload.trace for workload in workloads(results.rows)] == ["web (aaaaaa)", "web (bbbbbb)", "logs"]
    assert len(workloads(results.rows, "web")) == 2
    assert len(workloads(results.rows, "web (bbbbbb)")) == 1


def test_parameters_of_a_trace_are_named_where_they_tell_it_from_another(tmp_path):
    rows = [
        row(trace="zipf:keys=10"),
        row(trace="zipf:keys=20"),
        row(trace="loop:keys=10"),
        row(trace="loop:keys=10", reading="prefix"),
    ]
    results = save(tmp_path, rows)
    assert [workload.name for workload in workloads(results.rows)] == ["zipf:keys=10", "zipf:keys=20", "loop", "loop"]
    assert len(workloads(results.rows, "zipf")) == 2
    assert len(workloads(results.rows, "zipf:keys=20")) == 1


def test_unknown_trace_and_missing_column(tmp_path):
    results = save(tmp_path, [row()])
    with pytest.raises(ReportError, match="trace 'wep' is not in the results; did you mean 'web'"):
        workloads(results.rows, "wep")
    with pytest.raises(ReportError, match="has no column 'series_hits'"):
        workloads(results.rows.drop("series_hits"))


def test_no_rows_are_no_workloads(tmp_path):
    assert workloads(save(tmp_path, []).rows) == []
