"""Costs: told from two short replays that are made once, and the order and the time that follow from them."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvreplay.simulator.experiment import ExperimentError, cost, make_plan
from kvreplay.simulator.experiment.cost import Cost, estimate, makespan, memory_of_traces, threads_within
from kvreplay.simulator.experiment.runner import run_cells
from kvreplay.simulator.replay.pilot import Pilot, pilot, pilot_front

GRID = {
    "name": "grid",
    "trace": {"generate": "zipf", "requests": 3000, "keys": 2000},
    "policy": ["lru", "belady"],
    "capacity": [1, 10, 100],
}


@pytest.fixture(autouse=True)
def tried(monkeypatch, tmp_path) -> list[tuple[str, int]]:
    """The policies and capacities that are tried from now on; each page takes the more, the larger the cache."""
    monkeypatch.setenv("KVREPLAY_CACHE_DIR", str(tmp_path))
    told = []

    def pretended(trace, policy, size, **settings) -> Pilot:
        told.append((policy.name, size.amount))
        return Pilot(2.0, {1: 1.0, 100: 5.0}[size.amount], 1000 * size.amount)

    monkeypatch.setattr(cost, "pilot", pretended)
    return told


def test_costs_between_the_two_that_were_tried_follow_the_logarithm(tried):
    cells = make_plan(GRID).cells
    assert estimate(cells) == [Cost(2 + 3000 * s, m) for s, m in ((1, 1000), (3, 50_500), (5, 100_000))] * 2
    assert tried == [("lru", 1), ("lru", 100), ("belady", 1), ("belady", 100)]


def test_what_was_tried_is_remembered_until_the_file_is_damaged(tried, tmp_path):
    cells = make_plan(GRID | {"policy": "lru"}).cells
    expected = estimate(cells)
    assert estimate(cells) == expected
    assert len(tried) == 2
    (file,) = tmp_path.glob("costs-*.json")
    for damage in ("", "[]", '{"a": 5}', '{"a": [1, 2]}', '{"a": [1, 2, "x"]}'):
        file.write_text(damage)
        tried.clear()
        assert estimate(cells) == expected
        assert len(tried) == 2
    assert all(len(entry) == 3 for entry in json.loads(file.read_text()).values())


def test_a_run_tries_nothing_that_is_over_at_once(tried):
    cells = make_plan(GRID).cells
    assert [c.seconds for c in estimate(cells, running=True)] == pytest.approx([3000 * 60e-9] * 6)
    assert tried == []


def test_the_longest_cells_run_first_trace_by_trace(monkeypatch):
    trace = {"generate": "zipf", "requests": 200, "keys": 50, "seed": [0, 1]}
    cells = make_plan(GRID | {"trace": trace, "policy": "lru", "capacity": [1, 2, 3, 4]}).cells
    seconds = dict(zip((cell.key for cell in cells), [3, 1, 4, 1.5, 9, 2, 6, 5], strict=True))
    monkeypatch.setattr(
        "kvreplay.simulator.experiment.runner.estimate",
        lambda cells, running: [Cost(seconds[cell.key], 0) for cell in cells],
    )
    assert [seconds[cell.key] for cell, _ in run_cells(cells, threads=1)] == [9, 6, 5, 2, 4, 3, 1.5, 1]


def test_memory_of_traces_counts_each_once():
    cells = make_plan(GRID | {"policy": "lru"}).cells
    assert memory_of_traces(cells) == 4 * 3000
    assert memory_of_traces(make_plan(GRID).cells) == 4 * 3000 + 8 * 3000


def test_parts_of_a_trace_are_told_from_one_of_them(tried):
    trace = GRID["trace"] | {"sample": 0.25, "part": [0, 1, 2, 3]}
    experiment = GRID | {"trace": trace, "policy": "lru", "capacity": [100]}
    cells = make_plan(experiment).cells
    costs = estimate(cells)
    assert tried == [("lru", 100)]
    whole = cells[0].trace.whole
    for cell, found in zip(cells, costs, strict=True):
        assert cell.trace.whole is whole
        # Replayed twice, to tell the error, and drawn in a pass over the whole.
        assert found.seconds == pytest.approx(2 * (2 + 5 * cell.trace.n_accesses) + 3e-9 * 3000)
        assert found.memory == 4 * cell.trace.n_accesses + 8 * cell.trace.n_pages + 100_000
    assert memory_of_traces(cells) == 4 * 3000
    assert all(cost.seconds < 1 for cost in estimate(cells, running=True))  # nothing is drawn


def test_cells_that_share_a_stack_wait_for_the_first(tried, monkeypatch):
    passed = []

    def pretended(trace, stack, *, requests, seed) -> Pilot:
        passed.append((stack.label, requests))
        return Pilot(7.0, 0.5, 1000)

    monkeypatch.setattr(cost, "pilot_front", pretended)
    trace = {"generate": "repetitive", "requests": 200}
    cells = make_plan(GRID | {"trace": trace, "stack": ["exact"], "policy": ["lru", "fifo"], "capacity": [1]}).cells
    pages = Cost(2 + cells[0].trace.n_accesses, 1000)
    for _ in range(2):  # it is remembered
        assert estimate(cells) == [Cost(pages.seconds + 7 + 0.5 * 200, 2000), pages]
    assert passed == [(cells[0].stack.label, 1000)]
    assert estimate(cells, running=True)[0].seconds < 1


def test_a_stack_is_tried_on_the_first_requests():
    (cell,) = make_plan(
        GRID
        | {"trace": {"generate": "repetitive", "requests": 400}, "stack": ["exact"], "policy": "lru", "capacity": 1}
    ).cells
    found = pilot_front(cell.trace, cell.stack, requests=100)
    assert found.start + 400 * found.per_access > 0
    assert found.memory >= 0


@given(st.lists(st.integers(1, 20), min_size=1, max_size=6), st.integers(1, 3))
def test_makespan_is_within_a_third_of_the_best(seconds, threads):
    best = min(
        max(sum(s for s, t in zip(seconds, chosen, strict=True) if t == thread) for thread in range(threads))
        for chosen in itertools.product(range(threads), repeat=len(seconds))
    )
    assert best <= makespan(seconds, threads) <= best * (4 / 3 - 1 / (3 * threads)) + 1e-9  # Graham, 1969


def test_a_pilot_measures_the_state():
    (cell,) = make_plan(GRID | {"policy": "lru", "capacity": 100}).cells
    found = pilot(cell.trace, cell.policy, cell.size, seconds=0.001)
    pages = cell.trace.n_pages
    assert 9 * pages <= found.memory <= 9 * pages + 20_000  # cached, previous, next: 1 + 4 + 4 bytes a page
    assert found.start > 0
    assert found.per_access > 0


def test_as_many_cells_run_at_a_time_as_fit(monkeypatch):
    gib = 2**30
    cells = make_plan(GRID | {"policy": "lru"}).cells
    monkeypatch.setattr(cost, "estimate", lambda cells: [Cost(1, gib * size) for size in (10, 40, 20)])
    # Beside the program, which takes less than 5 GiB.
    assert [threads_within(gib * limit, cells, 8) for limit in (45, 60, 66, 70, 76)] == [1, 1, 2, 2, 3]
    assert threads_within(gib * 76, cells, 2) == 2
    with pytest.raises(ExperimentError, match=rf"{cells[1].label}: needs 40968 MiB, and \d+ MiB are left of --memory"):
        threads_within(gib * 39, cells, 8)
