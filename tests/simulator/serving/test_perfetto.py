"""The Chrome trace of a simulation holds what its tables do."""

from __future__ import annotations

import json
from collections import Counter

import pytest

import kvreplay as kv
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.serving.perfetto import write_chrome_trace


def test_its_events_are_those_of_the_tables(tmp_path):
    simulation = kv.simulate(kv.generate("conversation", sessions=10, seed=1), replicas=2)
    write_chrome_trace(simulation, tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    kinds = Counter(event["ph"] for event in events)
    assert kinds == {
        "M": 2,
        "X": len(simulation.steps),
        "C": 2 * len(simulation.steps),
        "b": kinds["e"],
        "e": kinds["b"],
    }
    busy = sum(event["dur"] for event in events if event["ph"] == "X")
    assert busy == pytest.approx(1e6 * (simulation.steps["end"] - simulation.steps["start"]).sum(), rel=1e-6)
    open_phases = {(event["id"], event["name"]): event["ts"] for event in events if event["ph"] == "b"}
    for event in events:
        if event["ph"] == "e":
            row = simulation.requests.row(event["id"], named=True)
            spent = {
                "queue": row["queueing"],
                "prefill": row["ttft"] - row["queueing"],
                "decode": row["e2e"] - row["ttft"],
            }
            took = event["ts"] - open_phases.pop((event["id"], event["name"]))
            assert took == pytest.approx(1e6 * spent[event["name"]], abs=0.01)
    assert not open_phases


def test_tokens_are_shown_where_they_come_from(tmp_path):
    chats = kv.generate("conversation", sessions=5, seed=1)
    simulation = kv.simulate(chats, replicas=2, prefill_replicas=1)
    write_chrome_trace(simulation, tmp_path / "trace.json")
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    places = {(event["name"], event["pid"]) for event in events if event["ph"] == "b"}
    assert places == {("queue", 0), ("prefill", 0), ("decode", 1)}


def test_the_command_writes_it(tmp_path):
    file = tmp_path / "trace.json"
    assert main(["simulate", "generate:conversation:sessions=3", "--chrome-trace", str(file)]) == 0
    assert json.loads(file.read_text())["traceEvents"]
