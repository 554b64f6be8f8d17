"""The regression check: what moved, and what is in the baseline."""

from __future__ import annotations

import csv

import pytest

from kvreplay.simulator.experiment import ExperimentError, check
from kvreplay.simulator.experiment.baseline import Move, update
from kvreplay.simulator.replay import replay
from kvreplay.traces.workloads import generate

SMALL = {
    "name": "small",
    "trace": {"generate": "zipf", "requests": 2000, "keys": 100, "seed": [0, 1]},
    "policy": ["lru", "fifo"],
    "capacity": [5, "10%"],
}


@pytest.fixture
def baseline(tmp_path):
    """The path of a baseline of SMALL."""
    return update(SMALL, tmp_path)


def edit(path, change) -> None:
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    fields = list(rows[0])
    rows = change(rows)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fields)
        writer.writeheader()
        writer.writerows(rows)


def test_a_baseline_holds_what_replay_gives(baseline):
    with baseline.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    row = next(r for r in rows if (r["policy"], r["capacity"], r["trace_seed"]) == ("fifo", "5", "1"))
    expected = replay(generate("zipf", requests=2000, keys=100, seed=1), "fifo", 5).row
    for metric in ("hits", "hit_ratio", "evictions", "requests_hit_ratio", "capacity_share", "trace_hash"):
        assert row[metric] == str(expected[metric])  # str of a float reads back as the same bits
    assert row["byte_hits"] == ""


def test_nothing_moved(baseline, tmp_path):
    verdict = check(SMALL, tmp_path)
    assert (verdict.name, verdict.baseline, len(verdict.cells), verdict.moves) == ("small", baseline, 8, [])


def test_a_figure_that_moved_is_named_with_both_values(baseline, tmp_path):
    hits = replay(generate("zipf", requests=2000, keys=100), "lru", 5).row["hits"]

    def change(rows):
        rows[0]["hits"] = str(hits + 3)
        return rows

    edit(baseline, change)
    cell = "zipf:requests=2000:keys=100 #0, lru, 5 pages, independent, seed 0, 100 windows"
    assert check(SMALL, tmp_path).moves == [Move(cell, "hits", hits, hits + 3)]
    assert check(SMALL, tmp_path).moves[0].difference == -3
    assert check(SMALL | {"tolerance": {"hits": 3}}, tmp_path).moves == []
    assert check(SMALL | {"tolerance": {"hits": 2, "evictions": 100}}, tmp_path).moves != []


def test_floats_are_exact_unless_tolerated(baseline, tmp_path):
    def change(rows):
        rows[0]["hit_ratio"] = repr(float(rows[0]["hit_ratio"]) + 1e-12)
        rows[1]["hit_ratio"] = ""
        return rows

    edit(baseline, change)
    assert [move.metric for move in check(SMALL, tmp_path).moves] == ["hit_ratio", "hit_ratio"]
    tolerant = check(SMALL | {"tolerance": {"hit_ratio": 1e-9}}, tmp_path).moves
    assert [(move.expected, move.difference) for move in tolerant] == [(None, None)]  # nothing is near to nothing


def test_missing_and_new_cells_are_named(baseline, tmp_path):
    moves = check(SMALL | {"policy": ["lru", "sieve"]}, tmp_path).moves
    assert sorted((move.cell.split(", ")[1], move.metric, move.obtained) for move in moves) == [
        *[("fifo", "cell", "missing")] * 4,
        *[("sieve", "cell", "new")] * 4,
    ]


def test_a_cell_that_fails_is_a_move_and_no_baseline(baseline, tmp_path, monkeypatch):
    def failing(trace, policy, capacity, **options):
        if policy.name == "fifo":
            raise RuntimeError("out of luck")
        return replay(trace, policy, capacity, **options)

    monkeypatch.setattr("kvreplay.simulator.experiment.clocks.replay", failing)
    moves = check(SMALL, tmp_path).moves
    assert [move.obtained for move in moves] == ["failed: RuntimeError: out of luck"] * 4
    before = baseline.read_bytes()
    with pytest.raises(ExperimentError, match="RuntimeError: out of luck; the baseline stays"):
        update(SMALL, tmp_path)
    assert baseline.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1: other columns than this version compares; rewrite it with --update"),
        ("a,b\n1,2\n", "1: other columns than this version compares; rewrite it with --update"),
        (None, "2: invalid literal for int.*; rewrite it with --update"),
    ],
)
def test_a_damaged_baseline_is_named(baseline, tmp_path, text, expected):
    whole = baseline.read_text()
    baseline.write_text(whole.replace(",5,pages,", ",five,pages,", 1) if text is None else text)
    with pytest.raises(ExperimentError, match=f"{baseline}:{expected}"):
        check(SMALL, tmp_path)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda lines: [*lines, lines[3]], "10: the cell is there already; rewrite it with --update"),
        (lambda lines: [*lines[:5], b"\xff\n"], "6: is not UTF-8 text; rewrite it with --update"),
        (lambda lines: [*lines[:5], b"zipf,lru\n"], r"6: 2 values for \d+ columns; rewrite it with --update"),
        (lambda lines: [*lines[:5], lines[5].replace(b"\n", b",7\n")], r"6: \d+ values for \d+ columns"),
    ],
)
def test_a_line_that_does_not_belong_is_named(baseline, tmp_path, change, expected):
    baseline.write_bytes(b"".join(change(baseline.read_bytes().splitlines(keepends=True))))
    with pytest.raises(ExperimentError, match=f"{baseline}:{expected}"):
        check(SMALL, tmp_path)


def test_a_baseline_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ExperimentError, match=r"small.csv: is not there; write it with --update"):
        check(SMALL, tmp_path)


def test_the_project_s_check_covers_every_policy_on_the_four_workloads():
    from kvreplay.policies import names
    from kvreplay.simulator.experiment import make_plan

    cells = make_plan("experiments/regression.yaml").cells
    covered = {(cell.trace.meta["workload"], cell.policy.name) for cell in cells}
    workloads = ("repetitive", "paraphrased", "diverse", "system_prompt")
    assert covered == {(workload, policy) for workload in workloads for policy in names()}
