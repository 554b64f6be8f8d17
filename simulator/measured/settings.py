"""What a measurement may be told, and whether it can be made; torch is not needed to know."""

from __future__ import annotations

import importlib.util
import inspect
from typing import Annotated, Any, Literal

from annotated_types import Ge, Gt

from kvreplay.parameters import check
from kvreplay.policies import PolicyError
from kvreplay.simulator.replay.capacity import Capacity, CapacityError, parse_capacity
from kvreplay.simulator.serving.memory import VLLM
from kvreplay.simulator.serving.model import get_model, models
from kvreplay.simulator.serving.simulation import DEVICE, Setup, prepare, server_settings
from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace

REAL = "smollm2-135m"  # the model whose weights can be installed


def measured_settings(
    *,
    model: str = REAL,
    max_num_seqs: Annotated[int, Ge(1)] = 8,
    rate: Annotated[float, Gt(0)] = 1.0,
    concurrency: Annotated[int, Ge(1)] | None = None,
    slo_ttft: Annotated[float, Gt(0)] | None = None,
    slo_tpot: Annotated[float, Gt(0)] | None = None,
    run_on: Literal["cpu", "cuda"] = "cpu",
    threads: Annotated[int, Ge(1)] = 1,
) -> None:
    """The settings of a real server: those of `serving.simulation.server_settings` that it has a choice in.

    model: one of `model_names`. run_on: where it runs, in the words of torch. threads: of torch, on a CPU; with one,
    answers do not depend on what was found, to the bit.
    """


def model_names() -> list[str]:
    """The models that can be run: those of a Llama's shape."""
    return [name for name, model in models().items() if model.experts is None and model.latent is None]


def prepare_measurement(
    trace: Trace, policy: Any, capacity: str | int | Capacity, arguments: dict[str, Any], settings: dict[str, Any]
) -> tuple[Setup, dict[str, Any]]:
    """The server that is to be measured, as one that could be simulated, and its settings with defaults filled in.

    `arguments` are those of `prepare` besides settings. Raises what `prepare` raises, and the same where torch, pages
    or a model to run are missing.
    """
    checked = check(measured_settings, "measure", settings)
    if importlib.util.find_spec("torch") is None:
        raise ValueError("clock measured: needs torch; pip install 'kvreplay[model]'")
    get_model(checked["model"])
    if checked["model"] not in model_names():
        raise ValueError(f"model {checked['model']}: is no plain Llama; use one of {', '.join(model_names())}")
    capacity = capacity if isinstance(capacity, Capacity) else parse_capacity(capacity)
    if capacity.unit == DEVICE:
        raise CapacityError("capacity device: is what a modelled device leaves; give a size in pages, tokens or bytes")
    if trace.page_tokens is None or trace.parent is None:
        raise TraceError(f"{trace.name} has no pages of tokens that form prefixes", mend="use a trace with them")
    shared = {name: value for name, value in checked.items() if name in inspect.signature(server_settings).parameters}
    setup = prepare(trace, policy, capacity, **arguments, **shared)
    if setup.policy is not None and setup.policy.name == VLLM:
        raise PolicyError(f"policy {VLLM}: is only simulated; use lru, or another that decides by page")
    return setup, checked
