"""What is found before the first replay: cells that do not fit, duplicates, and keys."""

from __future__ import annotations

import pytest

from kvreplay.simulator.experiment import ExperimentError, make_plan

SMALL = {
    "name": "t",
    "trace": [
        {"generate": "zipf", "requests": 5000, "keys": 50, "seed": [0, 1]},
        {"generate": "conversation", "sessions": 5},
    ],
    "policy": ["lru", "belady"],
    "capacity": [5, "10%"],
}


def problems(**changes) -> list[str]:
    with pytest.raises(ExperimentError) as caught:
        make_plan(SMALL | changes)
    return caught.value.problems


def keys(**changes) -> set[str]:
    return {cell.key for cell in make_plan(SMALL | changes).cells}


def test_cells_stand_in_the_order_of_the_grid():
    plan = make_plan(SMALL)
    # 10 % of 50 keys are 5 pages, a cell that is there already.
    assert [trace.n_pages for trace in plan.traces[:2]] == [50, 50]
    tenth = plan.traces[2].n_pages // 10
    found = [(c.trace.name, c.identity["trace_seed"], c.policy.label, c.size.amount) for c in plan.cells]
    zipf, conversation = "zipf:requests=5000:keys=50", "conversation:sessions=5"
    assert found == [
        *((zipf, seed, policy, 5) for seed in (0, 1) for policy in ("lru", "belady")),
        *((conversation, 0, policy, pages) for policy in ("lru", "belady") for pages in (5, tenth)),
    ]


def test_different_traces_have_different_names():
    mix = {"generate": "mix", "requests": 100, "seed": [0, 1]}
    parts = [[{"workload": "zipf", "keys": keys}] for keys in (10, 20)]
    arrivals = {"generate": "zipf", "requests": 100, "keys": 10, "arrival": {"rate": [1, 2]}}
    plan = make_plan(SMALL | {"trace": [mix | {"parts": parts}, arrivals, arrivals], "capacity": 5})
    assert [trace.name for trace in plan.traces] == [
        *("mix:requests=100", "mix:requests=100 (2)", "mix:requests=100", "mix:requests=100 (2)"),
        *("zipf:requests=100:keys=10:arrival.rate=1", "zipf:requests=100:keys=10:arrival.rate=2") * 2,
    ]
    assert len(plan.cells) == 2 * (4 + 2)


def test_a_trace_may_be_given_a_name():
    traces = [{"generate": "scan", "requests": [5, 6], "as": "once"}, {"generate": "scan", "requests": 5}]
    plan = make_plan({"name": "x", "trace": traces, "policy": "lru", "capacity": 2})
    assert [trace.name for trace in plan.traces] == ["once", "once (2)", "scan:requests=5"]
    with pytest.raises(ExperimentError, match="`as` is 7; write what to call the trace"):
        make_plan({"name": "x", "trace": {"generate": "scan", "as": 7}, "policy": "lru", "capacity": 2})


def test_what_does_not_fit_is_told_at_its_place_before_anything_runs(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text(
        "name: t\ntrace: [{generate: zipf, requests: 5000, keys: 50}, {load: nowhere.csv}]\npolicy: lru\ncapacity: 1\n"
    )
    with pytest.raises(ExperimentError, match=rf"{path}:2:60: .*nowhere.csv"):
        make_plan(path)
    path.write_text(
        "name: t\n"
        "trace: [{generate: zipf, requests: 5000, keys: 50}, {generate: conversation, sessions: 5}]\n"
        "policy: lru\n"
        "reading: [independent, prefix]\n"
        "capacity: [5, 60, 1%, 1KiB]\n"
    )
    with pytest.raises(ExperimentError) as caught:
        make_plan(path)
    found = [problem.removeprefix(str(path)) for problem in caught.value.problems]
    zipf = "zipf:requests=5000:keys=50"
    assert found[0].startswith(f":5:15: capacity 60 is larger than {zipf}, which has 50 pages")
    assert found[1].startswith(f":5:19: capacity 1% is less than one page of {zipf}")
    assert found[2].startswith(f":5:23: capacity 1KiB: {zipf} has no page size in tokens")
    assert found[3].startswith(f":2:9: the pages of {zipf} do not form prefixes")
    assert found[4].startswith(":5:23: capacity 1KiB: conversation:sessions=5 has no sizes in bytes")
    assert len(found) == 5


def test_the_place_of_an_empty_or_endless_grid_is_the_experiment():
    assert problems(exclude=[{"seed": 0}]) == ["experiment: no cell is left after exclude; change the lists"]
    many = list(range(1000))
    assert problems(seed=many, windows=[n + 1 for n in many]) == [
        "experiment: more than 100000 cells; change the lists"
    ]


def test_the_key_changes_with_everything_that_a_row_depends_on(monkeypatch):
    base = keys(policy="random", capacity=5)
    assert base == keys(policy="random", capacity=["5", "5pages"])  # however it is written
    changed = [
        keys(policy="lru", capacity=5),
        keys(policy="random", capacity=6),
        keys(policy="random", capacity=5, seed=1),
        keys(policy="random", capacity=5, windows=10),
        keys(policy="random", capacity=5, bytes_per_token=2),
        keys(policy="random", capacity=5, trace={"generate": "zipf", "requests": 5001, "keys": 50}),
        keys(policy="random", capacity=1, trace={"generate": "conversation", "sessions": 5}, reading="prefix"),
    ]
    assert all(base.isdisjoint(other) for other in changed)
    monkeypatch.setattr("kvreplay.simulator.experiment.clocks._version", lambda folders: "another")
    assert base.isdisjoint(keys(policy="random", capacity=5))


def test_all_means_the_policies_that_the_reading_allows_and_a_name_means_that_one():
    chat = {"generate": "conversation", "sessions": 5}
    cells = make_plan(SMALL | {"trace": chat, "policy": "all", "reading": ["independent", "prefix"]}).cells
    assert {cell.reading for cell in cells if cell.policy.name == "marconi"} == {"prefix"}
    assert {cell.reading for cell in cells if cell.policy.name == "lru"} == {"independent", "prefix"}
    (found,) = problems(trace=chat, policy=["lru", "marconi"])
    assert found.endswith("policy marconi works in the prefix reading only; set reading: prefix (--pages prefix)")


def test_versions_may_be_written_as_numbers():
    servers = {"name": "vllm-lru", "tail": ["partial", "full"], "version": [0.33, 0.11]}
    chat = {"trace": {"generate": "conversation", "sessions": 5}, "reading": "prefix", "capacity": 5}
    labels = [cell.policy.label for cell in make_plan(SMALL | chat | {"policy": servers}).cells]
    assert labels == [f"vllm-lru:tail={tail}:version={v}" for tail in ("partial", "full") for v in ("0.33", "0.11")]


def test_sizings_are_an_axis():
    sizing = [None, "hit-ratio:low=0.2", {"name": "hit-ratio", "period": [10, 20]}]
    changes = {
        "policy": "lru",
        "capacity": 5,
        "sizing": sizing,
        "exclude": [{"sizing": {"name": "hit-ratio", "period": 20}}],
    }
    plan = make_plan(SMALL | changes)
    assert [cell.identity["sizing"] for cell in plan.cells[:3]] == [None, "hit-ratio:low=0.2", "hit-ratio:period=10"]
    assert len(plan.cells) == 9
    assert plan.cells[1].replay().row["sizing"] == "hit-ratio:low=0.2"
    (problem,) = problems(policy="arc", sizing=["hit-ratio"], capacity=5)
    assert problem.startswith("sizing.0: policy arc is built for one capacity; to resize, use one of clock, fifo,")


def test_a_trace_may_be_taken_in_parts_that_are_replicates_of_each_other():
    trace = {"generate": "zipf", "requests": 5000, "keys": 500, "sample": 0.25, "part": [0, 1, 2, 3]}
    plan = make_plan(SMALL | {"trace": trace, "policy": "lru", "capacity": "10%"})
    whole = make_plan(SMALL | {"trace": {"generate": "zipf", "requests": 5000, "keys": 500}}).traces[0]
    assert {trace.name for trace in plan.traces} == {"zipf:requests=5000:keys=500, sample of 0.25"}
    assert [cell.identity["trace_seed"] for cell in plan.cells] == [0, 1, 2, 3]
    assert sum(cell.replay().row["pages"] for cell in plan.cells) == whole.n_accesses
    for wrong, message in (
        ({"sample": 2}, "`sample` is 2; write a share of the pages above 0, up to 1"),
        ({"part": 4}, "`part` is 4; write whole numbers from 0 to 3"),
        ({"sample": None}, "`sample` is None"),
    ):
        assert message in problems(trace=trace | wrong)[0]
    assert "`part` is that of a sample" in problems(trace={"generate": "zipf", "part": 0})[0]
