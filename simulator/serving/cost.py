"""What a step of a server costs: seconds, modelled from operations and bytes.

A step puts tokens through the layers and the output head, in one batch: those of prompts being prefilled, and one (or,
where others speculate, a few) of each sequence that decodes. It takes

    max(step + sequences x per sequence, [prefill constant +] 2 x weights x tokens / linear rate)
        + attention operations / attention rate + KV bytes read by decoding sequences / bandwidth

where the first of the two is the time to read all weights, which only many tokens hide. Without tokens to decode
that is the prefill form, without tokens to prefill the decode form, and to those the constants of hardware.yaml were
fitted.
Pairs of model and device for which there is no fit use the typical constants of those for which there is one: the
`method` says which.
"""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeGuard

import yaml

from kvreplay.parameters import nearest

from .model import Model, get_model, read_table

METHODS = ("fitted", "typical", "roofline")


@dataclass(frozen=True)
class Device:
    """An accelerator, or a CPU, by its data sheet. Rates in units of one a second."""

    name: str
    flops: float
    memory: float  # bytes
    bandwidth: float  # bytes/s, of its own memory
    pcie: float  # bytes/s, one way, as the others
    peer: float
    network: float
    dollars_per_hour: float  # assumption


@dataclass(frozen=True)
class StepCost:
    """Seconds of a step on the devices that share one copy of a model. Rates are those reached, of all devices."""

    model: Model
    device: Device
    devices: int
    method: str  # "fitted", "typical", "roofline" or "profile"
    prefill_constant: float  # s, of a step that prefills
    linear_rate: float  # operations/s
    attention_rate: float  # operations/s
    step_constant: float  # s, all weights read
    sequence_constant: float  # s, of each sequence that decodes
    bandwidth: float  # bytes/s

    def __str__(self) -> str:
        return self.method

    @property
    def models(self) -> tuple[Model, ...]:
        """Those that have weights and a KV cache in the devices' memory."""
        return (self.model,)

    def gain(self, number: int) -> float:
        """Tokens that the request `number` gains in a step when it decodes."""
        return 1.0

    @property
    def sequence_tokens(self) -> int:
        """Tokens of a decoding sequence in a step."""
        return 1

    def step(self, tokens: int, pairs: float, sequences: int, context: float, each: int = 1) -> float:
        """Seconds of one step in which `tokens` of prompts are prefilled and `sequences` decode, `each` tokens each.

        `pairs` is how many (token, earlier token) pairs the prefilled ones attend to: `attended`. `context` is the
        tokens in the KV cache that the decoding sequences read.
        """
        together = tokens + sequences * each
        compute = 2 * self.model.token_weights * together / self.linear_rate
        if tokens:
            compute += self.prefill_constant
        seconds = max(self._weights_read(together) + sequences * self.sequence_constant, compute)
        seconds += pairs * self.model.attention_flops / self.attention_rate
        return seconds + context * self.token_read

    def added(self, tokens: int, pairs: float) -> float:
        """Seconds by which a step takes longer for prefilling `tokens` more, where it computes longer than it reads."""
        linear = 2 * self.model.token_weights * tokens / self.linear_rate
        return linear + pairs * self.model.attention_flops / self.attention_rate

    @functools.cached_property
    def token_read(self) -> float:
        """Seconds of reading one token of the KV cache."""
        return self.model.kv_bytes_per_token / self.bandwidth

    def _weights_read(self, tokens: int) -> float:
        """Seconds of reading the weights: of routed experts only those that some of `tokens` tokens meets."""
        experts = self.model.experts
        if experts is None:
            return self.step_constant
        unmet = (1 - experts.active / experts.routed) ** tokens  # expected share, tokens choosing independently
        return self.step_constant - unmet * self.model.routed_weights * self.model.bytes_per_weight / self.bandwidth


def arithmetic_sum(first: float, growth: float, terms: int) -> float:
    """The sum of `terms` terms, of which the first is `first` and each is larger by `growth` than the one before."""
    return terms * first + growth * terms * (terms - 1) / 2


def arithmetic_terms(first: float, growth: float, total: float) -> int:
    """The least number of such terms whose sum is at least `total`."""
    half = growth / 2
    linear = first - half
    # linear n + half n^2 = total, solved for n in the form that does not divide by half.
    terms = math.floor(2 * total / (linear + math.sqrt(linear * linear + 4 * half * total)))
    terms = max(terms - 1, 0)  # rounding may put it one off
    while arithmetic_sum(first, growth, terms) < total:
        terms += 1
    return terms


def attended(start: int, tokens: int) -> float:
    """(token, earlier token) pairs of `tokens` tokens behind `start`, counted as integrals: start n + n^2 / 2."""
    return tokens * (start + tokens / 2)


def step_cost(
    model: Model | str, device: Device | str, devices: int = 1, method: str | StepCost | None = None
) -> StepCost:
    """The cost of steps of `model` on `devices` of `device` together.

    `method`: "fitted" takes the constants that were fitted to this pair; "typical" medians of all fitted pairs;
    "roofline" none: all rates at their peak, which nothing reaches; the path of a .yaml file those that `kvreplay
    calibrate` wrote into it, on the device that it measured, if any; a StepCost itself. None: fitted where there is a
    fit, else typical. Raises ValueError for an unknown name, no devices, a fit that is not there, or one of another
    pair.
    """
    if isinstance(method, StepCost):
        return method
    model = get_model(model) if isinstance(model, str) else model
    device = get_device(device) if isinstance(device, str) else device
    if devices < 1:
        raise ValueError(f"tensor_parallel {devices}: a model needs a device to run on; use 1 or more")
    if is_profile(method):
        return _profile(Path(method), model, device, devices)
    if method not in (None, *METHODS):
        raise ValueError(f"step_cost {method!r} is unknown; use {', '.join(METHODS)}, or a .yaml of kvreplay calibrate")
    fit = _fits().get((model.name, device.name, devices))
    if method is None:
        method = "typical" if fit is None else "fitted"
    if method == "fitted":
        if fit is None:
            known = "; ".join(f"{name} on {count} {on}" for name, on, count in _fits())
            raise ValueError(f"no cost was fitted to {model.name} on {devices} {device.name}; known: {known}")
        return fit
    if method == "roofline":
        return _roofline(model, device, devices)
    return typical(model, device, devices, fits())


def typical(model: Model, device: Device, devices: int, fits: Sequence[StepCost]) -> StepCost:
    """The roofline slowed down by the medians of `fits`.

    Rates are reached in shares of the peak, the constant of prefill is a share of the time to read the weights, and
    a step takes, beyond reading them, the same time for every layer.
    """
    peak = _roofline(model, device, devices)
    tops = [_roofline(fit.model, fit.device, fit.devices) for fit in fits]

    def share(name: str) -> float:
        return statistics.median(getattr(fit, name) / getattr(top, name) for fit, top in zip(fits, tops, strict=True))

    def overhead(fit: StepCost, top: StepCost) -> float:
        return (fit.step_constant - top.step_constant * top.bandwidth / fit.bandwidth) / fit.model.layers

    bandwidth = peak.bandwidth * share("bandwidth")
    constants = [fit.prefill_constant / top.step_constant for fit, top in zip(fits, tops, strict=True)]
    per_layer = statistics.median(map(overhead, fits, tops))
    return replace(
        peak,
        method="typical",
        prefill_constant=peak.step_constant * statistics.median(constants),
        linear_rate=peak.linear_rate * share("linear_rate"),
        attention_rate=peak.attention_rate * share("attention_rate"),
        step_constant=peak.step_constant * peak.bandwidth / bandwidth + per_layer * model.layers,
        sequence_constant=statistics.median(fit.sequence_constant for fit in fits),
        bandwidth=bandwidth,
    )


def fits() -> list[StepCost]:
    """Every cost that was fitted."""
    return list(_fits().values())


@functools.cache
def devices() -> dict[str, Device]:
    """Every device of hardware.yaml by its name."""
    return {name: _device(name, entry) for name, entry in read_table("hardware.yaml").items()}


# Keys of hardware.yaml: the field of a Device, and how many of its units one is.
_SHEET = {
    "tflops": ("flops", 1e12),
    "memory_gib": ("memory", 2**30),
    "bandwidth_tbs": ("bandwidth", 1e12),
    "pcie_gbs": ("pcie", 1e9),
    "peer_gbs": ("peer", 1e9),
    "network_gbs": ("network", 1e9),
    "dollars_per_hour": ("dollars_per_hour", 1),
}


def _device(name: str, sheet: Mapping[str, float]) -> Device:
    return Device(name, **{field: sheet[key] * unit for key, (field, unit) in _SHEET.items()})


def get_device(name: str) -> Device:
    """The device of that name. Raises ValueError where there is none."""
    if name not in devices():
        raise ValueError(f"unknown device {name!r}, {nearest(name, list(devices()))}")
    return devices()[name]


def reuse_bandwidth(model: Model, flops: float, prefix: int, linear: float = 22, attention: float = 4) -> float:
    """Bytes/s above which fetching the KV cache of `prefix` tokens is quicker than computing it at `flops`.

    Equation 2 of Mooncake (Qin et al., FAST 2025), which takes linear x hidden^2 operations a token and layer for the
    projections (22 for LLaMA3-70B) and attention x prefix x hidden for attention.
    """
    hidden, groups = model.hidden, model.heads / model.kv_heads
    kv_bytes = 2 * 2 * hidden / groups  # of a token and layer: key and value, two bytes a number
    operations = attention * prefix * hidden + linear * hidden**2
    return flops * kv_bytes / operations


def _roofline(model: Model, device: Device, devices: int) -> StepCost:
    bandwidth, flops = device.bandwidth * devices, device.flops * devices
    read = (model.weights - (0 if model.tied else model.vocabulary * model.hidden)) * model.bytes_per_weight
    return StepCost(model, device, devices, "roofline", 0.0, flops, flops, read / bandwidth, 0.0, bandwidth)


@functools.cache
def _fits() -> dict[tuple[str, str, int], StepCost]:
    """The fitted costs by model, device and number of devices."""
    found: dict[tuple[str, str, int], StepCost] = {}
    for name, entry in read_table("hardware.yaml").items():
        for fit in entry.get("fits", []):
            found[fit["model"], name, fit["devices"]] = _fitted(fit, get_device(name))
    return found


def is_profile(method: object) -> TypeGuard[str]:
    """Whether a `method` is a file, whose content decides."""
    return isinstance(method, str) and method.endswith((".yaml", ".yml"))


def profile_of(cost: StepCost) -> dict[str, Any]:
    """What hardware.yaml says of a fit, for a file of its own: `_fitted` the other way round.

    A device that is not in hardware.yaml is told with its rates.
    """
    device = cost.device
    sheet = {key: getattr(device, field) / unit for key, (field, unit) in _SHEET.items()}
    return {
        "model": cost.model.name,
        "device": device.name if device.name in devices() else {"name": device.name, **sheet},
        "devices": cost.devices,
        "prefill_ms": 1e3 * cost.prefill_constant,
        "linear": cost.linear_rate / device.flops / cost.devices,
        "attention": cost.attention_rate / device.flops / cost.devices,
        "step_ms": 1e3 * cost.step_constant,
        "sequence_ms": 1e3 * cost.sequence_constant,
        "bandwidth": cost.bandwidth / device.bandwidth / cost.devices,
    }


def _profile(path: Path, model: Model, device: Device, devices: int) -> StepCost:
    """The cost that a file of `profile_of` holds, on its own device where it has one.

    Raises ValueError for any other file, and for one of another pair.
    """
    try:
        profile = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        profile = None
    if isinstance(profile, dict) and isinstance(profile.get("device"), dict):
        device = _own_device(path, profile["device"])
        profile["device"] = device.name
    known = profile_of(_roofline(model, device, devices))
    if not isinstance(profile, dict) or profile.keys() != known.keys():
        raise ValueError(f"{path}: is no profile of step costs; write one with kvreplay calibrate")
    if [profile[name] for name in ("model", "device", "devices")] != [model.name, device.name, devices]:
        what = f"{profile['model']} on {profile['devices']} {profile['device']}"
        raise ValueError(f"{path}: is of {what}, not of {model.name} on {devices} {device.name}; use the right one")
    numbers = [profile[name] for name in known if name not in ("model", "device", "devices")]
    if not all(isinstance(number, int | float) and 0 <= number < math.inf for number in numbers):
        raise ValueError(f"{path}: a constant is below 0 or no number; write it with kvreplay calibrate")
    if not min(profile[name] for name in ("linear", "attention", "bandwidth", "step_ms")) > 0:
        raise ValueError(f"{path}: a rate or step_ms is 0; write it with kvreplay calibrate")
    return replace(_fitted(profile, device), method="profile")


def _own_device(path: Path, sheet: dict[str, Any]) -> Device:
    numbers = [number for key in _SHEET if isinstance(number := sheet.get(key), int | float) and 0 <= number < math.inf]
    if len(numbers) < len(_SHEET) or not min(numbers[:-1]) > 0 or not isinstance(sheet.get("name"), str):
        what = f"its device needs a name, rates above 0 ({', '.join(_SHEET)}), and a price of 0 or more"
        raise ValueError(f"{path}: {what}; write it with kvreplay calibrate")
    return _device(sheet["name"], sheet)


def _fitted(fit: dict[str, Any], device: Device) -> StepCost:
    count = fit["devices"]
    return StepCost(
        get_model(fit["model"]),
        device,
        count,
        "fitted",
        prefill_constant=fit["prefill_ms"] / 1e3,
        linear_rate=fit["linear"] * device.flops * count,
        attention_rate=fit["attention"] * device.flops * count,
        step_constant=fit["step_ms"] / 1e3,
        sequence_constant=fit["sequence_ms"] / 1e3,
        bandwidth=fit["bandwidth"] * device.bandwidth * count,
    )
