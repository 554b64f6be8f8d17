"""The benchmark measures what it says it measures; how fast that is, is not a test's business."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

import kvreplay
from kvreplay.simulator.bench import Row, aisimulate, peer, semantic
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.replay import replay
from kvreplay.simulator.serving.model import get_model


@pytest.mark.skipif(not peer.is_installed(), reason="libcachesim is not installed")
def test_both_engines_replay_the_same_requests(tmp_path):
    trace = kvreplay.generate("zipf", requests=20_000, keys=5_000, seed=1)
    file = tmp_path / "trace.oracleGeneral.bin"
    peer.write_oracle_general(trace, file)
    assert np.array_equal(kvreplay.load(file).pages, trace.pages)
    for capacity in (100, 1_000):
        misses = 1 - replay(trace, "lru", capacity).row["hit_ratio"]
        assert peer.miss_ratio(file, "lru", capacity, peer.best_table(capacity)) == pytest.approx(misses)


def test_every_table_is_printed(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("KVREPLAY_CACHE_DIR", str(tmp_path))
    arguments = ["bench", "replay", "--requests", "30000", "--rounds", "1", "--policies", "lru"]
    assert main([*arguments, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    tables = {row["table"].partition(",")[0] for row in rows}
    assert tables == {"Engine against engine", "File to answer (LRU)", "Two threads over capacities", "Memory", "Start"}
    engine = [row for row in rows if row["table"].startswith("Engine")]
    assert {row["policy"] for row in engine} == {"lru", "lru, a user's file"}
    assert all(row["kvreplay"] > 0 and row["floor"] > 0 for row in engine)
    (threads,) = (row for row in rows if row["table"].startswith("Two threads"))
    assert (threads["policy"], threads["capacities"]) == ("lru", 8)
    assert threads["x"] == pytest.approx(threads["one thread"] / threads["two threads"])  # of one round
    per_request = next(row["bytes"] for row in rows if "key trace" in row.get("what", ""))
    assert per_request == 4


def test_tables_are_markdown(capsys, monkeypatch):
    rows = [Row("Speeds", {"policy": "lru", "pages": 1234567, "x": 4.0567, "y": None}), Row("Other", {"z": 1234.5})]
    monkeypatch.setattr("kvreplay.simulator.bench.replay.measure", lambda **_: rows)
    assert main(["bench", "replay"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        *("", "Speeds", "", "| policy | pages | x | y |", "|---|---:|---:|---:|", "| lru | 1,234,567 | 4.06 | - |"),
        *("", "Other", "", "| z |", "|---:|", "| 1,234 |"),
    ]


def test_policies_online_are_measured(capsys):
    assert main(["bench", "entries", "--rounds", "1", "--policies", "lru", "--json"]) == 0
    calls, *lookups = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert calls["policy"] == "lru"
    assert all(calls[name] > 0 for name in ("thousand calls/s", "plain Python", "ms to switch to it"))
    assert [row["characters"] for row in lookups] == [100, 1_000, 10_000, 100_000]
    assert all(row["us"] > 0 for row in lookups)


def test_embedders_and_indexes_are_measured(monkeypatch):
    monkeypatch.setattr("kvreplay.simulator.caches.embedders.names", lambda: ["idf-seeded", "not-installed"])
    monkeypatch.setattr("kvreplay.simulator.caches.embedders.default", lambda: "idf-seeded")
    embedder, *rows = [row.cells for row in semantic.measure(rounds=1, entries=(40, 600))]
    assert (embedder["embedder"], embedder["dimensions"]) == ("idf-seeded", 256)
    assert embedder["ms a prompt"] > 0
    flat = [row for row in rows if row["index"] == "flat"]
    assert [row["entries"] for row in flat] == [40, 600]
    assert {row["bytes an entry"] for row in flat} == {256 * 4 + 4}
    assert {row["recall@1"] for row in flat} == {1.0}
    assert all(row[f"{work} us"] > 0 for row in rows for work in ("search", "insert", "replace"))


def test_serving_counts_what_it_simulated(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("KVREPLAY_TRACE_DIR", str(tmp_path))  # without the Mooncake trace
    assert main(["bench", "serving", "--requests", "50", "--longest", "50", "--rounds", "1", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    settings = ["replicas 4", "replicas 4, concurrency 1000", "replicas 8, router least-loaded"]
    assert [row["settings"] for row in rows] == settings
    trace = kvreplay.generate("conversation", sessions=12, seed=1)
    assert {row["requests"] for row in rows} == {trace.n_requests}
    assert all(row["steps"] >= row["events"] > 0 for row in rows)
    assert all(row["requests/CPU second"] == pytest.approx(row["requests"] / row["CPU seconds"]) for row in rows)


def test_the_peer_is_asked_for_the_same_server(tmp_path, monkeypatch):
    """What AISimulate is told, and what is read of its report: it need not be installed."""
    told = {}

    def run(command, **options):
        config = yaml.safe_load(Path(command[command.index("--config") + 1]).read_text())
        told.update(config["engine"], shape=json.loads((Path(config["engine"]["model"]) / "config.json").read_text()))
        out = Path(command[command.index("--output-dir") + 1])
        out.mkdir()
        (out / "prediction.json").write_text('{"wall_time_ms": 1500, "mean_ttft_ms": 7}')

    monkeypatch.setattr(subprocess, "run", run)
    found = aisimulate.predict(tmp_path / "t.jsonl", get_model("llama-3.1-8b"), "h100", 4, 256, 8192)
    assert (found.own_wall, found.figures["mean_ttft_ms"]) == (1.5, 7)
    assert told["hardware"] == "h100_sxm"
    worker = told["workers"]["aggregated"]
    assert worker["parallelism"] == {"replicas": 4}
    assert worker["scheduler"] == {"max_sequences": 256, "max_batched_tokens": 8192}
    assert (told["shape"]["num_hidden_layers"], told["shape"]["num_key_value_heads"]) == (32, 8)
