"""The benchmark of experiments measures what it says it measures."""

from __future__ import annotations

import json

from kvreplay.simulator.cli.main import main


def test_a_grid_and_its_costs_are_measured(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("KVREPLAY_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)  # Ray takes long to start
    arguments = ["--requests", "3000", "--cells", "4", "--rounds", "1", "--policies", "lru", "--json"]
    assert main(["bench", "experiment", *arguments]) == 0
    one, many, processes, *costs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["engine"] for row in (one, many, processes)] == ["threads", "threads", "processes"]
    assert one["table"] == "A grid of 4 cells of 3,000 requests, seconds"
    assert 0 < one["CPU replaying"] <= one["CPU"]
    assert processes["CPU replaying"] > 0
    assert [(row["trace"], row["policy"]) for row in costs] == [("zipf", "lru"), ("conversation", "lru")]
    assert all(row["s predicted"] > 0 and row["s measured"] > 0 and row["MiB predicted"] > 0 for row in costs)
