"""Synthetic workloads: one file per generator, found by name; the rest is what they share.

A workload is a function whose keyword-only arguments are its parameters. The same parameters and seed make
the same trace, bit for bit.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable
from typing import Any

from kvreplay import parameters

from ..errors import TraceError
from ..trace import Trace
from .arrivals import Arrival
from .lengths import Length

# Each is a module of this folder, holding a function of the same name; imported when asked for.
_NAMES = (
    "agent",
    "conversation",
    "diverse",
    "loop",
    "mix",
    "paraphrased",
    "questions",
    "repetitive",
    "scan",
    "system_prompt",
    "zipf",
    "zipf_stream",
)


def names() -> list[str]:
    """The workloads there are."""
    return list(_NAMES)


def find(name: str) -> Callable[..., Trace]:
    """The generator called `name`. Raises TraceError, with the nearest name, where there is none."""
    if name not in _NAMES:
        raise TraceError(f"unknown workload {name!r}", mend=parameters.nearest(name, names()))
    return getattr(importlib.import_module(f".{name}", __package__), name)


def generate(name: str, /, **params: Any) -> Trace:
    """The trace of workload `name`; its `meta` records the workload, every parameter and the seed.

    Raises TraceError for an unknown workload, ParameterError for wrong parameters.
    """
    workload = find(name)
    checked = parameters.check(workload, name, params)
    trace = workload(**checked)
    recorded = {
        key: dataclasses.asdict(value) if isinstance(value, Arrival | Length) else value
        for key, value in checked.items()
    }
    meta = {"source": "generated", "workload": name, "params": recorded, "seed": recorded["seed"]}
    return trace.described(_label(name, params), meta)


def _label(name: str, params: dict[str, Any]) -> str:
    """The workload and the plain parameters given, but for the seed: traces of one label are replicates."""
    nested = {f"{key}.{k}": v for key, value in params.items() if isinstance(value, dict) for k, v in value.items()}
    plain = {key: v for key, v in (params | nested).items() if key != "seed" and isinstance(v, int | float | str)}
    return ":".join([name, *(f"{key}={value}" for key, value in plain.items())])
