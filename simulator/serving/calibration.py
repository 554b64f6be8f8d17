"""Constants of step costs fitted to a recorded run: those with which its simulation comes nearest to it.

The constants are not read off the run, for steps leave no trace in it; the whole simulation is repeated with others
until no change makes it better. The first half of the run is fitted to, the second tells how well that foretells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from .cost import StepCost, step_cost
from .validation import RunError, Validation, compare, read_run

_CONSTANTS = ("step_constant", "linear_rate", "bandwidth", "sequence_constant", "prefill_constant", "attention_rate")
_RATES = ("linear_rate", "bandwidth", "attention_rate")
_STEPS = (1.3, 1.1, 1.03, 1.01)  # factors that a constant is changed by, the coarse ones first
_LEAST = 20  # requests of each half


@dataclass(frozen=True)
class Calibration:
    """The cost that was fitted, and the half of the run that it had not seen, simulated before and after."""

    cost: StepCost
    before: Validation
    after: Validation
    simulations: int  # that it took


def calibrate(path: str | Path, **settings: Any) -> Calibration:
    """Fit step costs to a recorded run (see `validation.read_run`), starting from those that `settings` name.

    The settings are those of `validate`. Raises RunError for fewer than 40 requests, and what `validate` raises.
    """
    run = read_run(path)
    half = len(run) // 2
    if half < _LEAST:
        raise RunError(f"{path}: has {len(run)} requests; record at least {2 * _LEAST}")
    name = Path(path).name
    start = compare(run, name, since=half, **settings)
    cost = start.simulation.setup.settings["step_cost"]
    first = cost if isinstance(cost, StepCost) else _start(start)
    count = 0

    def error(cost: StepCost) -> float:
        nonlocal count
        count += 1
        return _distance(compare(run[:half], name, **{**settings, "step_cost": cost}))

    best = pattern_search(first, error)
    after = compare(run, name, since=half, **{**settings, "step_cost": best})
    return Calibration(best, start, after, count)


def pattern_search(start: StepCost, error: Callable[[StepCost], float]) -> StepCost:
    """The cost near `start` of the least error: constants are changed one at a time, by ever smaller factors.

    As in Hooke and Jeeves, "Direct search solution of numerical and statistical problems" (1961), without their moves
    along former gains.
    """
    best, least = replace(start, method="profile"), error(start)
    for factor in _STEPS:
        while True:
            found, changed = min(
                ((error(changed), changed) for changed in _neighbours(best, factor)), key=lambda f: f[0]
            )
            if found >= least:
                break
            best, least = changed, found
    return best


def _neighbours(cost: StepCost, factor: float) -> Iterator[StepCost]:
    """`cost` with one constant changed; none is faster than the device can be."""
    peak = step_cost(cost.model, cost.device, cost.devices, "roofline")
    for name in _CONSTANTS:
        for by in (factor, 1 / factor):
            value = getattr(cost, name) * by
            if name not in _RATES or value <= getattr(peak, name):
                yield replace(cost, **{name: value})


def _start(validation: Validation) -> StepCost:
    settings = validation.simulation.setup.settings
    return step_cost(settings["model"], settings["device"], settings["tensor_parallel"], settings["step_cost"])


def _distance(validation: Validation) -> float:
    """The mean of |log(simulated / recorded)| over quantiles: of the time to the first token, and between tokens.

    Not over requests: by when in a step a request arrives, chance moves its first token by as much as a step.
    """
    parts = [
        np.abs(np.log(np.sort(validation.simulated[name]) / np.sort(validation.recorded[name]))).mean()
        for name in ("ttft", "tpot")
        if len(validation.recorded[name])
    ]
    return float(np.mean(parts)) if parts else float("inf")
