"""Fitted step costs: found again where they are known, written and read, and refused where they do not belong."""

from __future__ import annotations

import dataclasses

import pytest
import yaml

import kvreplay as kv
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.serving.calibration import calibrate
from kvreplay.simulator.serving.cost import profile_of, step_cost
from kvreplay.simulator.serving.validation import COLUMNS, RunError

TYPICAL = step_cost("smollm2-135m", "rtx-4090")
TRUE = dataclasses.replace(TYPICAL, step_constant=1.5 * TYPICAL.step_constant, linear_rate=0.6 * TYPICAL.linear_rate)
SETTINGS = {"model": "smollm2-135m", "device": "rtx-4090"}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run of a server that is slower than typical ones."""
    trace = kv.generate("conversation", sessions=30, seed=3)
    path = tmp_path_factory.mktemp("run") / "run.csv"
    kv.simulate(trace, step_cost=TRUE, policy=None, rate=5, **SETTINGS).requests.select(COLUMNS).write_csv(path)
    return path


def test_what_was_fitted_to_one_half_foretells_the_other(recorded):
    found = calibrate(recorded, **SETTINGS)
    before, after = ({row["latency"]: row for row in v.rows()} for v in (found.before, found.after))
    for latency in ("ttft", "tpot", "e2e"):
        assert before[latency]["mean_error"] < -0.2
        assert abs(after[latency]["mean_error"]) < 0.08
        assert after[latency]["ks"] < before[latency]["ks"]


def test_the_command_writes_a_profile_that_simulate_reads(recorded, tmp_path, capsys):
    profile = tmp_path / "p.yaml"
    settings = ["--model", "smollm2-135m", "--device", "rtx-4090"]
    assert main(["calibrate", str(recorded), *settings, "--out", str(profile)]) == 0
    out = capsys.readouterr().out
    assert main(["validate", str(recorded), *settings, "--set", f"step_cost={profile}"]) == 0
    assert "step cost profile" in capsys.readouterr().out
    cost = step_cost("smollm2-135m", "rtx-4090", 1, str(profile))
    assert profile_of(cost) == pytest.approx(yaml.safe_load(profile.read_text()))
    assert "simulations; simulate with --set step_cost=" in out
    assert main(["validate", str(recorded), "--set", f"step_cost={profile}"]) == 2
    assert "p.yaml: is of smollm2-135m on 1 rtx-4090, not of llama-3.1-8b on 1 h100" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": 1}, "is no profile of step costs; write one with kvreplay calibrate"),
        ({"step_ms": -1}, "a constant is below 0 or no number; write it with kvreplay calibrate"),
        ({"bandwidth": 0}, "a rate or step_ms is 0; write it with kvreplay calibrate"),
        ({"linear": "x"}, "a constant is below 0 or no number; write it with kvreplay calibrate"),
    ],
)
def test_what_is_no_profile(change, message, tmp_path):
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(profile_of(TYPICAL) | change))
    with pytest.raises(ValueError, match=message):
        step_cost("smollm2-135m", "rtx-4090", 1, str(path))


def test_a_run_that_is_too_short(recorded, tmp_path):
    short = tmp_path / "short.csv"
    short.write_text("".join(recorded.read_text().splitlines(keepends=True)[:20]))
    with pytest.raises(RunError, match=r"short\.csv: has 19 requests; record at least 40$"):
        calibrate(short, **SETTINGS)
