"""Tables and figures as text."""

from __future__ import annotations

import json

import pytest

from kvreplay.simulator.report import answers, compare, numbers, sizes, table
from kvreplay.simulator.report.workloads import workloads

from .rows import divided, resized, row, save


def test_ratios_in_a_terminal(tmp_path):
    rows = [
        row("lru", [20, 30]),
        row("lru", [30, 40], capacity=1500, footprint=3000),
        row("random", [10, 11], seed=0),
        row("random", [12, 13], seed=1),
    ]
    (workload,) = workloads(save(tmp_path, rows).rows)
    assert table.as_text(table.ratios(workload, "hit_ratio")) == (
        "web, independent pages: page hit ratio in %, by capacity in pages (share of the footprint)\n"
        "policy           100 (10 %)  1,500 (50 %)\n"
        "-----------------------------------------\n"
        "lru                   25.00         35.00\n"
        "random  11.50 (10.50–12.50)             –"
    )


def test_ways_to_the_optimum(tmp_path):
    rows = [row("lru", [20]), row("belady-bypass", [70]), row("lru", [80], capacity=200), row("mru", [10])]
    (workload,) = workloads(save(tmp_path, rows).rows)
    found = table.ways(workload, "hit_ratio")
    assert found.title == "web, independent pages: page hit ratio, % of the way from lru to the offline optimum"
    assert found.header == ["policy", "100", "200"]
    assert found.rows == [["belady-bypass", "100.0", "–"], ["lru", "0.0", "–"], ["mru", "-20.0", "–"]]
    assert table.ways(workload, "token_hit_ratio") is None


def test_capacities_that_move_stand_beside_a_fixed_one_of_their_mean(tmp_path):
    fixed = [row("lru", [hits] * 3, capacity=capacity) for capacity, hits in ((100, 20), (200, 60))]
    (workload,) = workloads(save(tmp_path, [*fixed, *resized()]).rows)
    assert list(workload.at("hit_ratio", 100)) == ["lru"], "no other curve takes them for a fixed size"
    (moved,) = sizes.tables(workload)
    first, second = moved.rows
    # Mean 150: half way from 20 % to 60 %. 150 hits of 300 requests.
    assert first == [
        *("lru sized by hit-ratio", "100 pages", "150 pages", "200 pages", "2", "0", "50.00 %", "40.00 %"),
        f"{1000 * 150 / 300 / 150:.3g}",
    ]
    assert second[7] == "–", "a mean of 70 is below the least that ran"
    (alone,) = workloads(save(tmp_path / "alone", resized()).rows)
    assert sizes.tables(alone)[0].rows[0][7] == "–"
    assert sizes.tables(workloads(save(tmp_path / "fixed", fixed).rows)[0]) == []


def test_memory_divided_among_tiers_stands_beside_the_best_division_for_good(tmp_path):
    (workload,) = workloads(save(tmp_path, divided()).rows)
    (budgets,) = sizes.tables(workload)
    moving, still, _ = budgets.rows
    # Of 3 x 100 tokens: 50 + 20 + 10 by exact, 10 + 30 + 40 by pages.
    assert moving[:5] == ["lru sized by marginal-shares", "3 KiB", "53.33 %", "26.67 %", "26.67 %"]
    assert moving[5:] == ["7", "90.00 %", "42 %", "58 %", "4", "1"]
    assert still[0] == "lru sized by shares:shares=[1.0, 2.0]"
    ((what, told),) = sizes.answer([workload])
    assert what.startswith("web behind exact")
    assert told.endswith(
        "spares 53.33 % of all tokens (90.00 % of its answers are right), the best of 2 divisions for good "
        "40.00 % of all tokens (80.00 % of its answers are right)."
    )
    fronts = answers.table(workload.resized)
    assert fronts.rows[0][0] == "exact by marginal-shares"
    assert len(fronts.rows) == 3, "each division answers otherwise"


def test_a_division_among_tenants_stands_beside_the_best_one_for_good(tmp_path):
    tenants = json.dumps({name: {"accesses": [50] * 3, "hits": [20] * 3, "capacity": [50] * 3} for name in "ab"})
    ways = {"marginal-shares": 60, "shares:shares=[1.0, 3.0]": 30, "shares:shares=[1.0, 1.0]": 45}
    rows = [
        row("lru", [hits] * 3, sizing=sizing, parts=tenants, mean_capacity=100.0, resizes=2 * (hits == 60))
        for sizing, hits in ways.items()
    ]
    (workload,) = workloads(save(tmp_path, [*rows, *resized()]).rows)
    ((_, told),) = sizes.answer([workload])
    assert told.startswith(
        "lru by marginal-shares hits 60.00 % with a mean of 100 pages, the best of 2 divisions for good 45.00 %; "
    )
    assert told.count("divisions for good") == 1, "a capacity that moves is no division"


def test_markdown_escapes_what_would_break_it():
    content = table.Table("", ["policy", "a|b"], [["<script>", "x\ny\\"]])
    assert table.as_markdown(content) == "| policy | a\\|b |\n| --- | ---: |\n| &lt;script> | x y\\\\ |"


def test_differences_leave_out_the_identical_but_count_them(tmp_path):
    a = save(tmp_path / "a", [row("lru"), row("fifo", [10, 20, 30, 40])])
    b = save(tmp_path / "b", [row("lru"), row("fifo", [20, 30, 40, 50])])
    content = table.differences(compare(a, b), "hit_ratio")
    assert content.title == "page hit ratio: 1 better, 1 identical"
    ((workload, capacity, policy, first, second, points, width, basis, verdict),) = content.rows
    assert (workload, capacity, policy) == ("web (independent)", "100 pages", "fifo")
    assert (first, second, points, width, basis, verdict) == (
        "25.000",
        "35.000",
        "+10.000",
        "± 0.000",
        "time blocks",
        "better",
    )


def test_speed_is_the_median_of_the_cells(tmp_path):
    results = save(tmp_path, [row("lru"), row("lru", capacity=200), row("lru", capacity=300), row("fifo")])
    assert table.speed(results).rows == [["fifo", "4", "4", "4"], ["lru", "2", "1", "3"]]
    assert table.speed(save(tmp_path / "empty", [])) is None


def test_what_policies_counted(tmp_path):
    told = '{"switches": 4, "follows_at_end": "lfu", "switched_at": [1000, 2000, 3000, 4000]}'
    rows = [row("lru"), row("adaptive", policy_stats=told), row("adaptive", policy_stats='{"switches": 0}', capacity=9)]
    (found,) = table.counters(workloads(save(tmp_path, rows).rows)[0])
    assert found.title == "web, independent pages: what adaptive counted"
    assert found.header == ["capacity", "seed", "switches", "follows at end", "switched at"]
    assert found.rows[0] == ["100", "0", "4", "lfu", "1,000, 2,000, 3,000, …"]


def test_capacities_in_bytes(tmp_path):
    rows = [row(capacity=3 * 2**30, footprint=12 * 2**30, capacity_unit="bytes")]
    assert table.ratios(workloads(save(tmp_path, rows).rows)[0], "hit_ratio").header == ["policy", "3 GiB (25 %)"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (numbers.percent(0.21117), "21.12 %"),
        (numbers.percent(-0.000001), "0.00 %"),
        (numbers.points(0.013), "+1.30"),
        (numbers.points(-0.000001), "+0.00"),
        (numbers.share(0.00499), "0.5 %"),
        (numbers.share(0.05471), "5.5 %"),
        (numbers.share(1.0), "100 %"),
        (numbers.size(1, "pages"), "1 page"),
        (numbers.size(18279, "pages"), "18,279 pages"),
        (numbers.short_size(18279, "pages"), "18.3k"),
        (numbers.short_size(999, "pages"), "999"),
        (numbers.memory(3758096384), "3.5 GiB"),
        (numbers.memory(1023 * 1024), "0.999 MiB"),
        (numbers.shorten(["lru", "w-tinylfu:window=0.01"], 18), ["lru", "w-tinyl…indow=0.01"]),
        (numbers.shorten(["ab, 1, cd, efgh", "ab, 2, cd, efgh"], 8), ["ab, 1…cd, efgh", "ab, 2…cd, efgh"]),
        (numbers.listed(["a"]), "a"),
        (numbers.listed(["a", "b", "c", "d"]), "a, b, c and d"),
        (numbers.listed(["a", "b", "c", "d", "e"]), "a, b, c and 2 more"),
    ],
)
def test_figures(written, expected):
    assert written == expected
