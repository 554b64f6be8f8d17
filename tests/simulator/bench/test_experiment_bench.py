"""The benchmark of experiments measures what it says it measures."""

from __future__ import annotations

import json

from kvreplay.simulator.cli.main import main


def test_a_grid_and_its_costs_are_measured(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("KVREPLAY_CACHE_DIR", str(tmp_path))
    arguments = ["--requests", "3000", "--cells", "4", "--rounds", "1", "--policies", "lru", "--json"]
    assert main(["bench", "experiment", *arguments]) == 0
    grid, *costs = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (grid["cells"], grid["requests"]) == (4, 3000)
    assert 0 < grid["CPU replaying"] <= grid["CPU"]
    assert [(row["trace"], row["policy"]) for row in costs] == [("zipf", "lru"), ("conversation", "lru")]
    assert all(row["s predicted"] > 0 and row["s measured"] > 0 and row["MiB predicted"] > 0 for row in costs)
