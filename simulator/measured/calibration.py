"""Constants of step costs from steps measured on this machine: half are fitted to, the other half tells how well."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from kvreplay.simulator.serving.cost import Device, StepCost
from kvreplay.simulator.serving.model import Model, get_model

from .machine import measured_device
from .models import load_model
from .step_times import StepTime, step_times


class Fit(NamedTuple):
    """Step costs, and how far they are from steps that were not fitted: |predicted / measured - 1|."""

    cost: StepCost
    fitted: int  # steps
    steps: list[StepTime]  # the others
    errors: np.ndarray  # (len(steps),) float64, of these


def calibrate_machine(model: str, *, rounds: int = 3, device: str = "cpu") -> Fit:
    """Measure steps of `model` on one thread of this machine, and fit costs to them.

    Raises what `load_model` raises.
    """
    torch.set_num_threads(1)
    llama = load_model(model, device=device)
    return fit(step_times(llama, rounds), get_model(model), measured_device(device))


def fit(steps: Sequence[StepTime], model: Model, device: Device) -> Fit:
    """Fit every second of `steps`, prefills and decodes apart, by least squares of relative errors.

    No constant is below 0, and no rate above what `device` reaches.
    """
    fitted, held_out = list(steps[::2]), list(steps[1::2])
    prefills, decodes = [s for s in fitted if s.tokens], [s for s in fitted if not s.tokens]
    least = np.array([0.0, 2 * model.token_weights, model.attention_flops]) / device.flops
    constant, token, pair = _least_squares(prefills, [[1, s.tokens, s.pairs] for s in prefills], least)
    least = np.array([0.0, 0.0, model.kv_bytes_per_token / device.bandwidth])
    step, sequence, read = _least_squares(decodes, [[1, s.sequences, s.context] for s in decodes], least)
    cost = StepCost(
        model,
        device,
        devices=1,
        method="profile",
        prefill_constant=constant,
        linear_rate=2 * model.token_weights / token,
        attention_rate=model.attention_flops / pair,
        step_constant=max(step, 1e-9),
        sequence_constant=sequence,
        bandwidth=model.kv_bytes_per_token / read,
    )
    predicted = np.array([cost.step(s.tokens, s.pairs, s.sequences, s.context) for s in held_out])
    return Fit(cost, len(fitted), held_out, np.abs(predicted / [s.seconds for s in held_out] - 1))


def _least_squares(steps: Sequence[StepTime], columns: Sequence[Sequence[float]], least: np.ndarray) -> list[float]:
    """The coefficients, none below its `least`, (k,), by which `columns`, (n, k), come nearest to the steps' times."""
    times = np.array([step.seconds for step in steps])
    weighted = np.array(columns) / times[:, None]
    best, error = least, np.inf
    for chosen in itertools.product([False, True], repeat=len(least)):  # which are free to be above
        free = np.array(chosen)
        found = least.copy()
        if free.any():
            found[free] = np.linalg.lstsq(weighted[:, free], 1 - weighted[:, ~free] @ least[~free], rcond=None)[0]
        distance = float(np.square(weighted @ found - 1).sum())
        if (found >= least).all() and distance < error:
            best, error = found, distance
    return best.tolist()
