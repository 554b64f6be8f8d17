"""Recorded runs: a simulated one is its own perfect record, errors are what was put in, bad files are told."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvreplay as kv
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.serving.validation import COLUMNS, RunError, ks_distance, read_run, validate


@pytest.fixture(scope="module")
def record() -> pl.DataFrame:
    trace = kv.generate("conversation", sessions=40, seed=2)
    return kv.simulate(trace, policy=None).requests.select(COLUMNS)


def test_a_simulation_is_its_own_record(record, tmp_path):
    record.write_csv(tmp_path / "run.csv")
    for row in validate(tmp_path / "run.csv").rows():
        assert row["ks"] < 0.02  # the CSV rounds
        assert all(abs(row[f"{figure}_error"]) < 1e-6 for figure in ("mean", "p50", "p90", "p99"))


def test_errors_are_those_that_were_put_in(record, tmp_path):
    """A server that takes 25 % longer for everything but waits no longer: tokens come 20 % too early in simulation."""
    slow = record.with_columns(end=pl.col("first_token") + 1.25 * (pl.col("end") - pl.col("first_token")))
    slow.reverse().write_csv(tmp_path / "run.csv")
    rows = {row["latency"]: row for row in validate(tmp_path / "run.csv").rows()}
    assert rows["tpot"]["mean_error"] == pytest.approx(-0.2, abs=1e-6)
    assert rows["tpot"]["p99_error"] == pytest.approx(-0.2, abs=1e-6)
    assert rows["ttft"]["mean_error"] == pytest.approx(0, abs=1e-6)
    assert rows["tpot"]["ks"] > 0.5


def test_a_simulation_that_shares_prefixes_is_its_own_record(tmp_path, capsys):
    source = "generate:conversation:sessions=40:seed=2"
    trace = kv.generate("conversation", sessions=40, seed=2)
    own = kv.simulate(trace)
    record = own.requests.select(*COLUMNS, "request", cached_tokens="hit_tokens")
    path = tmp_path / "run.csv"
    record.reverse().write_csv(path)
    found = validate(path, trace=trace)
    assert all(row["ks"] < 0.02 for row in found.rows())
    assert found.token_hit_ratios == (own.row["token_hit_ratio"], own.row["token_hit_ratio"])
    assert found.token_hit_ratios[0] > 0.5
    without = validate(path)
    assert without.token_hit_ratios == (found.token_hit_ratios[0], 0)
    assert without.rows()[0]["mean_error"] > 0.1  # all of every prompt is computed
    assert main(["validate", str(path), "--trace", source]) == 0
    ratio = f"{found.token_hit_ratios[0]:.2%}"
    assert f"token hit ratio: {ratio} recorded, {ratio} simulated\n" in capsys.readouterr().out


def test_a_run_of_another_trace_is_told(record, tmp_path):
    trace = kv.generate("conversation", sessions=2, seed=2)
    record.write_csv(tmp_path / "run.csv")
    with pytest.raises(RunError, match=r"^run\.csv: has no column 'request', which finds requests in conversation:"):
        validate(tmp_path / "run.csv", trace=trace)
    record.with_row_index("request").write_csv(tmp_path / "run.csv")
    with pytest.raises(
        RunError, match=rf"^run\.csv: has request {len(record) - 1} of {trace.n_requests} in conversation"
    ):
        validate(tmp_path / "run.csv", trace=trace)


@given(*[st.lists(st.integers(0, 6), min_size=1, max_size=20)] * 2)
def test_ks_distance_is_the_largest_gap_between_shares(one, other):
    gaps = [abs(np.mean([v <= at for v in one]) - np.mean([v <= at for v in other])) for at in range(7)]
    assert ks_distance(np.array(one), np.array(other)) == pytest.approx(max(gaps))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "run.csv: is no CSV table: "),
        ("arrival,end\n0,1\n", "run.csv: has no column 'prompt_tokens'; write arrival,prompt_tokens,"),
        ("{header}\n", "run.csv: has no requests; write a row for each"),
        ("{header}\n0,5,5,1,2\n0,x,5,1,2\n", "run.csv:3: is no request; give numbers, tokens from 1, and arrival < "),
        ("{header}\n0,5,5,3,2\n", "run.csv:2: is no request;"),
        ("{header}\n0,5,0,1,2\n", "run.csv:2: is no request;"),
        ("{header}\n0,5,1,nan,2\n", "run.csv:2: is no request;"),
        ("{header},request\n0,5,1,1,2,-1\n", "run.csv:2: is no request;"),
        ("{header},request\n0,5,1,1,2,\n", "run.csv:2: is no request;"),
    ],
)
def test_what_is_no_run(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.csv").write_text(text.replace("{header}", ",".join(COLUMNS)))
    with pytest.raises(RunError, match=r"^run\.csv") as error:
        read_run("run.csv")
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@given(st.text(alphabet='0123456789.,-en\nainf"', max_size=80))
def test_whatever_stands_in_a_file_it_is_a_run_or_told(tmp_path_factory, rest):
    path = tmp_path_factory.mktemp("fuzz") / "run.csv"
    path.write_text(",".join(COLUMNS) + "\n" + rest)
    try:
        table = read_run(path)
    except RunError:
        return
    assert (table["first_token"] > table["arrival"]).all()


def test_the_command_prints_and_draws(record, tmp_path, capsys):
    record.write_csv(tmp_path / "run.csv")
    plot = tmp_path / "run.svg"
    assert main(["validate", str(tmp_path / "run.csv"), "--set", "max_num_seqs=4", "--plot", str(plot)]) == 0
    out = capsys.readouterr().out
    assert "llama-3.1-8b on h100, step cost fitted" in out
    assert "<svg" in plot.read_text()
    assert main(["validate", str(tmp_path / "run.csv"), "--set", "max_num_seqs=4", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["latency"] for row in rows] == ["ttft", "tpot", "e2e"]
    assert f"{100 * rows[0]['mean_error']:+8.1f} %" in out
    assert main(["validate", str(tmp_path / "none.csv")]) == 2
    assert capsys.readouterr().err.endswith("none.csv: No such file or directory\n")
