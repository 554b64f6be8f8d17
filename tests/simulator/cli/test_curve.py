"""`kvreplay curve`, as a user runs it: what is printed, what is written, and the exit code."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

import kvreplay
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.replay.row import COLUMNS

ZIPF = "generate:zipf:requests=30000:keys=3000:seed=1"


def test_exact_curves_are_printed_and_written(capsys, tmp_path):
    assert main(["curve", ZIPF, "--policy", "lru,arc", "--points", "8", "--out", str(tmp_path / "new")]) == 0
    printed = capsys.readouterr()
    assert "16 of 16 cells" in printed.err
    header, _, arc, lru = printed.out.splitlines()[1:]
    assert header.split("  ")[0] == "policy"
    assert (arc.split()[0], lru.split()[0]) == ("arc", "lru")
    assert {file.name for file in (tmp_path / "new").iterdir()} == {
        *("rows.parquet", "lru.parquet"),
        *("curve.png", "curve.svg"),
    }
    rows = pl.read_parquet(tmp_path / "new" / "rows.parquet")
    assert rows.columns == [*COLUMNS]
    assert rows.height == 16
    trace = kvreplay.generate("zipf", requests=30_000, keys=3_000, seed=1)
    whole = pl.read_parquet(tmp_path / "new" / "lru.parquet")
    assert whole["capacity"].to_list() == list(range(1, trace.n_pages + 1))
    for row in rows.filter(policy="lru").iter_rows(named=True):
        assert whole["hits"][row["capacity"] - 1] == row["hits"]


def test_estimates_state_their_intervals(capsys, tmp_path):
    sampled = ["--sample", "0.05", "--capacity", "500,1500"]
    assert main(["curve", ZIPF, "--policy", "arc,lru", *sampled, "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "estimated from samples of 0.05 of the pages, with 95 % intervals; lru is exact" in out
    assert "bands are 95 % intervals" in (tmp_path / "curve.svg").read_text()
    arc = pl.read_parquet(tmp_path / "rows.parquet").filter(policy="arc")
    assert (arc["half_width"] > 0).all()
    low, high = (100 * (arc["hit_ratio"][0] + sign * arc["half_width"][0]) for sign in (-1, 1))
    assert f"({low:.2f}–{high:.2f})" in next(line for line in out.splitlines() if line.startswith("arc "))


def test_what_does_not_fit_is_left_out(capsys):
    assert main(["curve", ZIPF, "--sample", "0.01", "--capacity", "1500"]) == 0
    assert re.search(r"left out, as they do not fit: .*\bmru\b.*; --policy NAME says why", capsys.readouterr().out)


def test_json_has_every_row(capsys):
    assert main(["curve", ZIPF, "--policy", "sieve", "--capacity", "10%,50%", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["policy"], row["capacity_share"] <= 0.5) for row in rows] == [("sieve", True)] * 2


def test_prefixes(capsys, tmp_path):
    chat = "generate:conversation:sessions=30"
    assert (
        main(["curve", chat, "--pages", "prefix", "--policy", "lru,fifo", "--points", "4", "--out", str(tmp_path)]) == 0
    )
    assert "prefix pages" in capsys.readouterr().out
    assert not (tmp_path / "lru.parquet").exists()  # one pass tells nothing about prefixes


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policy", "lfo"], "unknown policy 'lfo'"),
        (["--sample", "0.2"], "9 disjoint samples of 0.2"),
        (["--sample", "0.01", "--pages", "prefix"], "do not form prefixes"),
        (["--capacity", "0"], "out of range"),
    ],
)
def test_mistakes_are_one_line(capsys, tmp_path, arguments, message):
    assert main(["curve", ZIPF, *arguments, "--out", str(tmp_path / "new")]) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    assert message in printed.err
    assert not (tmp_path / "new").exists()


def test_ctrl_c_leaves_nothing_behind(tmp_path):
    source = "generate:zipf:requests=3000000:keys=300000"
    command = [sys.executable, "-c", "from kvreplay.simulator.cli.main import main; raise SystemExit(main())"]
    process = subprocess.Popen(
        [*command, "curve", source, "--points", "500", "--out", str(tmp_path / "new")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(3)
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert out == ""
    assert errors.endswith("interrupted\n")
    assert not (tmp_path / "new").exists()
