"""The benchmark measures what it says it measures; how fast that is, is not a test's business."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kvreplay
from kvreplay.simulator.bench import peer
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.replay import replay


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
    arguments = ["bench", "replay", "--requests", "30000", "--rounds", "1", "--policy", "lru", "--json"]
    assert main(arguments) == 0
    entries = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {entry["table"] for entry in entries} == {"engine", "file", "threads", "memory", "start"}
    engine = [entry for entry in entries if entry["table"] == "engine"]
    assert {entry["policy"] for entry in engine} == {"lru", "lru, a user's file"}
    assert all(entry["ours cpu"] > 0 and entry["floor cpu"] > 0 for entry in engine)
    (threads,) = (entry for entry in entries if entry["table"] == "threads")
    assert (threads["policy"], threads["capacities"]) == ("lru", 8)
    assert threads["ratio"] == pytest.approx(threads["one wall"] / threads["two wall"])  # of one round
    per_request = next(entry["value"] for entry in entries if "in-memory key trace" in entry.get("what", ""))
    assert per_request == 4
