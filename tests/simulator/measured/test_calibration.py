"""Step costs are found from steps, kept in a file, and foretell steps of a real model."""

from __future__ import annotations

import dataclasses

import pytest
import yaml

import kvreplay as kv
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.measured import machine, models, step_times
from kvreplay.simulator.measured.calibration import fit
from kvreplay.simulator.measured.step_times import StepTime
from kvreplay.simulator.serving.cost import Device, attended, profile_of, step_cost
from kvreplay.simulator.serving.model import get_model

DEVICE = Device("mine", flops=1e11, memory=1e10, bandwidth=2e10, pcie=1e10, peer=1e10, network=1e10, dollars_per_hour=0)
MODEL = get_model("stories260k")
GRID = [(n, attended(p, n), 0, 0) for p in (0, 100, 1000) for n in (1, 20, 300)]
GRID += [(0, 0.0, b, b * c) for c in (10, 100, 1000, 2000) for b in (1, 2, 8)]


def taken(cost) -> list[StepTime]:
    return [StepTime(*step, cost.step(*step)) for step in GRID]


@pytest.fixture
def known():
    peak = step_cost(MODEL, DEVICE, method="roofline")
    return dataclasses.replace(
        peak,
        method="profile",
        prefill_constant=3e-3,
        linear_rate=2e9,
        attention_rate=1e9,
        step_constant=1e-3,
        sequence_constant=5e-4,
        bandwidth=3e8,
    )


def test_constants_are_found_again(known):
    found = fit(taken(known), MODEL, DEVICE)
    constants = ("prefill_constant", "linear_rate", "attention_rate", "step_constant", "sequence_constant", "bandwidth")
    for name in constants:
        assert getattr(found.cost, name) == pytest.approx(getattr(known, name), rel=1e-9)
    assert found.errors.max() < 1e-9
    assert found.fitted + len(found.steps) == len(GRID)


def test_no_rate_is_above_the_device_and_no_constant_below_nothing(known):
    """Steps without constants, and so fast that the device could not."""
    fast = dataclasses.replace(known, prefill_constant=0, sequence_constant=0, linear_rate=1e12, attention_rate=1e12)
    steps = [step._replace(seconds=step.seconds * (1 + 0.2 * (i % 3))) for i, step in enumerate(taken(fast))]
    cost = fit(steps, MODEL, DEVICE).cost
    assert cost.linear_rate <= DEVICE.flops * (1 + 1e-9)
    assert cost.attention_rate <= DEVICE.flops * (1 + 1e-9)
    assert cost.bandwidth <= DEVICE.bandwidth * (1 + 1e-9)
    assert min(cost.prefill_constant, cost.sequence_constant) >= 0
    assert cost.step_constant > 0


def test_a_model_that_this_machine_cannot_hold_is_not_loaded(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(models, "memory", lambda device: 2**30)
    assert main(["calibrate", "--model", "llama-3.1-8b", "--out", str(tmp_path / "c.yaml")]) == 2
    told = "llama-3.1-8b: its weights take 30 GiB in float32 and this machine has 1 GiB; use a smaller model"
    assert capsys.readouterr().err == f"kvreplay: {told}\n"


def test_this_machine_is_measured_and_simulated(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(machine, "_COPIED", 1 << 22)
    for name, few in (("_PREFILLED", (16, 48)), ("_REUSED", (0, 64)), ("_SEQUENCES", (1, 2)), ("_CONTEXT", (32, 64))):
        monkeypatch.setattr(step_times, name, few)
    out = tmp_path / "mine.yaml"
    assert main(["calibrate", "--model", "stories260k", "--rounds", "1", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    assert "prefill: 2 steps, off by " in told
    assert "decode: 2 steps, off by " in told
    trace = kv.generate("conversation", sessions=3)
    simulated = kv.simulate(trace, model="stories260k", step_cost=str(out), concurrency=1)
    cost = step_cost("stories260k", "h100", method=str(out))
    assert cost.device.name == "this-machine"
    first = simulated.requests.row(0, named=True)
    assert first["ttft"] == pytest.approx(cost.step(first["prompt_tokens"], attended(0, first["prompt_tokens"]), 0, 0))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"tflops": 0}, "its device needs a name, rates above 0"),
        ({"name": 3}, "its device needs a name"),
        ({"pcie_gbs": "fast"}, "its device needs a name, rates above 0"),
        ({"dollars_per_hour": -1}, "and a price of 0 or more; write it with kvreplay calibrate$"),
        ({"memory_gib": float("nan")}, "its device needs a name"),
    ],
)
def test_a_device_that_is_none_is_refused(known, tmp_path, wrong, told):
    profile = profile_of(known)
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(profile))
    assert step_cost(MODEL, "h100", method=str(path)).step(*GRID[4]) == pytest.approx(known.step(*GRID[4]))
    path.write_text(yaml.safe_dump({**profile, "device": {**profile["device"], **wrong}}))
    with pytest.raises(ValueError, match=told):
        step_cost(MODEL, "h100", method=str(path))


def test_only_a_model_is_given_without_a_run(tmp_path, capsys):
    assert main(["calibrate", "--device", "h100", "--out", str(tmp_path / "mine.yaml")]) == 2
    assert "calibrate: device without a recorded run; this machine takes --model alone" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
