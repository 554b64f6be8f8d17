"""Many simulations: which combinations, what the table says of them, and the YAML files that name them."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import kvreplay as kv
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.serving.sweep import SweepError, combinations, read_sweep, sweep
from kvreplay.simulator.serving.tables import comparison, varied

SOURCE = "generate:conversation:sessions=15:seed=1"


def test_combinations_are_the_product_and_a_stack_is_one_value():
    assert combinations({"rate": [1, 2], "order": "fcfs", "stack": ["exact"]}) == [
        {"rate": 1, "order": "fcfs", "stack": ["exact"]},
        {"rate": 2, "order": "fcfs", "stack": ["exact"]},
    ]
    assert combinations({"stack": [[], ["exact"]]}) == [{"stack": []}, {"stack": ["exact"]}]
    assert combinations({}) == [{}]


def test_the_table_shows_what_differs():
    trace = kv.generate("conversation", sessions=15, seed=1)
    simulations = list(sweep(trace, rate=[1, 2], policy=["vllm-lru", None]))
    rows = [simulation.row for simulation in simulations]
    assert rows == [kv.simulate(trace, rate=r, policy=p).row for r in (1, 2) for p in ("vllm-lru", None)]
    assert varied(rows) == ["policy", "rate"]
    table = comparison(rows)
    assert [line[:2] for line in table.rows] == [
        ["vllm-lru", "1.0"],
        ["None", "1.0"],
        ["vllm-lru", "2.0"],
        ["None", "2.0"],
    ]
    assert table.rows[0][table.header.index("ttft p50 ms")] == f"{1e3 * rows[0]['ttft_p50']:,.1f}"


def test_the_command_compares_and_draws(tmp_path, capsys):
    file = tmp_path / "sweep.yaml"
    file.write_text(f"question: Which?\ntrace: {SOURCE}\nsettings: {{rate: [1, 4], router: round-robin}}\n")
    plot = tmp_path / "sweep.svg"
    arguments = ["simulate", str(file), "--replicas", "1,2", "--out", str(tmp_path), "--plot", str(plot)]
    assert main(arguments) == 0
    assert capsys.readouterr().out.startswith("Which?\nconversation:sessions=15")
    assert "requests offered a second" in plot.read_text()
    kept = pl.read_parquet(tmp_path / "rows.parquet")
    assert kept.select("rate", "replicas").rows() == [(1.0, 1), (1.0, 2), (4.0, 1), (4.0, 2)]
    assert main([*arguments, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["events"] for row in rows] == kept["events"].to_list()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trace: [\n", "s.yaml: is no YAML: "),
        ("settings: {}\n", "s.yaml: parameter 'trace' is required"),
        ("trace: x\nsetting: {}\n", "s.yaml: unknown parameter 'setting', did you mean 'settings'?"),
        ("- 1\n", "s.yaml: parameter '' is [1]: input should be a valid dictionary"),
    ],
)
def test_what_names_no_simulations(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(text)
    with pytest.raises(SweepError, match=r"^s\.yaml: ") as error:
        read_sweep("s.yaml")
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_the_experiment_in_the_repository_reads():
    for file in sorted(Path(__file__).parents[3].glob("experiments/serving/*.yaml")):
        assert combinations(read_sweep(file).settings)
