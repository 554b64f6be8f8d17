"""Simulates servers under a trace's traffic: settings in, tables out."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import polars as pl
from annotated_types import Ge, Gt, Le, Lt
from pydantic import AfterValidator

from kvreplay.parameters import changed, check
from kvreplay.policies import Policy, PolicyError, get
from kvreplay.simulator.caches import sizing as sizings
from kvreplay.simulator.caches.sizing import Sizing, SizingError
from kvreplay.simulator.caches.stack import TIERS, Stack, parse
from kvreplay.simulator.replay.capacity import Capacity, Size, parse_capacity
from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace

from .cost import Device, StepCost, step_cost
from .engine import Server, run
from .fetching import ON_HIT, RULES
from .figures import request_table, second_table
from .front import Front
from .memory import VLLM, check_policy
from .recorder import Recorder
from .replica import Limits
from .requests import ORDERS
from .router import ROUTERS
from .row import row_of
from .speculation import Speculation, request_acceptance, target_of, token_bytes
from .tiers import parse as parse_tiers

DEVICE = "device"  # the capacity that the device's memory leaves beside the weights
_PAGE_TOKENS = 16  # vLLM's block size, where a trace has no pages


@dataclass(frozen=True, repr=False)
class Setup:
    """A simulation to make, checked."""

    trace: Trace
    policy: Policy | None  # None: nothing is cached
    size: Size
    seed: int
    windows: int
    warmup: float
    stack: Stack
    settings: dict[str, Any]  # those of `server_settings`
    server: Server

    @property
    def warmed_up(self) -> int:
        """Requests at the beginning that do not count."""
        return int(self.warmup * self.trace.n_requests)

    @property
    def token_bytes(self) -> int:
        """What one token takes in the KV memory."""
        return token_bytes(self.server.cost)

    @property
    def label(self) -> str:
        """The settings that are no defaults, in words."""
        return changed(server_settings, self.settings)


@dataclass(frozen=True, repr=False)
class Simulation:
    """What a simulated server did. Every figure is modelled."""

    setup: Setup
    recorder: Recorder
    front: Front | None

    @property
    def trace(self) -> Trace:
        return self.setup.trace

    @property
    def server(self) -> Server:
        return self.setup.server

    @cached_property
    def requests(self) -> pl.DataFrame:
        """A row per request: the columns of `figures.REQUESTS`."""
        return request_table(self.trace, self.recorder, [tier.name for tier in self.setup.stack.tiers])

    @cached_property
    def steps(self) -> pl.DataFrame:
        """A row per step, or per run of decode steps: the columns of `recorder.STEPS`."""
        return self.recorder.steps()

    @cached_property
    def seconds(self) -> pl.DataFrame:
        """A row per second: see `figures.second_table`."""
        return second_table(self.steps, self.requests, self.recorder.below(), self.server.replicas, self.server.pages)

    @cached_property
    def row(self) -> dict[str, Any]:
        """The columns of `replay.row`, as any cell of an experiment has them."""
        return row_of(self)

    def write(self, folder: str | os.PathLike[str]) -> None:
        """Write requests.parquet, seconds.parquet, steps.parquet and row.json into `folder`, made if need be."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        for name in ("requests", "seconds", "steps"):
            getattr(self, name).write_parquet(path / f"{name}.parquet")
        (path / "row.json").write_text(json.dumps(self.row, indent=1) + "\n", encoding="utf-8")

    def __repr__(self) -> str:
        row = self.row
        return f"Simulation({row['trace']}, {row['model']} on {row['device']}, {row['verdict']})"


def simulate(
    trace: Trace,
    policy: Any = VLLM,
    capacity: str | int | Capacity = DEVICE,
    *,
    priority: np.ndarray | None = None,
    **arguments: Any,
) -> Simulation:
    """Simulate serving `trace`; the arguments are those of `prepare`, the settings of `server_settings` among them.

    `priority`, (R,) int: for order "priority", the lowest first. Raises ParameterError for settings that make no sense,
    TraceError for a trace without what they need, CapacityError, PolicyError, and ValueError for a model that does not
    fit the device.
    """
    setup = prepare(trace, policy, capacity, **arguments)
    settings = setup.settings
    if settings["order"] == "priority" and priority is None:
        raise ValueError("order 'priority' needs a priority for each request; pass priority=array")
    if priority is not None:
        priority = _checked(priority, trace.n_requests)
    front = None
    if setup.stack.tiers:
        seconds = {name: settings[f"{name}_seconds"] for name in TIERS}
        front = Front(trace, setup.stack, setup.seed, seconds, setup.warmed_up)
    arrivals = {"rate": settings["rate"], "concurrency": settings["concurrency"], "priority": priority}
    return Simulation(setup, run(trace, setup.server, **arrivals, front=front), front)


def _checked(priority: Any, requests: int) -> np.ndarray:
    numbers = np.asarray(priority)
    if numbers.shape != (requests,):
        count = numbers.size if numbers.ndim else "no"
        raise ValueError(f"priority has {count} entries; give one for each of {requests} requests")
    if numbers.dtype.kind not in "iu":
        raise ValueError(f"priority is of type {numbers.dtype}; give whole numbers, the lowest for the first")
    return numbers


def prepare(
    trace: Trace,
    policy: Any = VLLM,
    capacity: str | int | Capacity = DEVICE,
    *,
    seed: int = 0,
    windows: int = 100,
    warmup: float = 0.0,
    stack: Any = (),
    sizing: str | Sizing | None = None,
    **settings: Any,
) -> Setup:
    """What `simulate` would run, without running it.

    policy: which cached pages leave, "vllm-lru" for vLLM's own order, or any that decides by page; None: nothing is
    cached. capacity: the KV memory of each replica, as for `replay`, but running requests take their part of it;
    "device": what its devices leave beside the weights. seed: of policies that draw random numbers. windows and warmup:
    those of `replay`. stack: caches of whole answers in front, such as ["exact", "semantic"]. sizing: what moves how
    many pages each replica keeps cached, up to the capacity, see `sized`. Raises what `simulate` raises.
    """
    checked = check(server_settings, "simulate", settings)
    check(_counting, "simulate", {"seed": seed, "windows": windows, "warmup": warmup})
    if trace.prompt_tokens is None or trace.output_tokens is None:
        raise TraceError(f"{trace.name} has no prompt and output tokens", mend="use a trace of requests to a model")
    if trace.arrival is None and checked["concurrency"] is None:
        raise TraceError(f"{trace.name} has no arrival times", mend="set concurrency, for a closed loop")
    policy = None if policy is None else get(policy)
    capacity = capacity if isinstance(capacity, Capacity) else parse_capacity(capacity)
    (stack := parse(stack)).fit(trace)
    server, size = _server(trace, policy, capacity, seed, checked)
    if sizing is not None:
        sizing = _sizing(sizing, server.policy)
        server = replace(server, sizing=sizing)
    return Setup(trace, policy, size, seed, windows, warmup, stack, checked, server)


def _counting(
    *, seed: Annotated[int, Ge(0)], windows: Annotated[int, Ge(1)], warmup: Annotated[float, Ge(0), Lt(1)]
) -> None:
    """What `prepare` takes beside the settings of a server."""


def _sizing(written: str | Sizing, policy: Policy | None) -> Sizing:
    sizing = sizings.get(written)
    if sizing.divides:
        raise SizingError(
            f"sizing {sizing.label}: divides a budget, which servers do not; use one that moves a capacity"
        )
    if policy is None:
        raise SizingError(f"sizing {sizing.label}: there is no cache to size; name a policy and a trace with pages")
    return sizing


def server_settings(
    *,
    model: str = "llama-3.1-8b",
    device: str = "h100",
    replicas: Annotated[int, Ge(1)] = 1,
    tensor_parallel: Annotated[int, Ge(1)] = 1,
    router: Literal[*ROUTERS] = "round-robin",  # type: ignore[valid-type]
    order: Literal[*ORDERS] = "fcfs",  # type: ignore[valid-type]
    tiers: Annotated[Any, AfterValidator(parse_tiers)] = (),
    layerwise: bool = False,
    fetch: Literal[*RULES] = "cheaper",  # type: ignore[valid-type]
    prefill_replicas: Annotated[int, Ge(0)] = 0,
    sharing: Literal[*ON_HIT] | None = None,  # type: ignore[valid-type]
    sync_on_write: bool = False,
    interconnect: Literal["peer", "network"] = "network",
    memory_utilization: Annotated[float, Gt(0), Le(1)] = 0.9,
    max_num_seqs: Annotated[int, Ge(1)] | None = None,
    max_num_batched_tokens: Annotated[int, Ge(1)] | None = None,
    watermark: Annotated[float, Ge(0), Lt(1)] = 0.0,
    max_queue: Annotated[int, Ge(1)] | None = None,
    rate: Annotated[float, Gt(0)] = 1.0,
    concurrency: Annotated[int, Ge(1)] | None = None,
    step_cost: str | StepCost | None = None,
    exact_seconds: Annotated[float, Ge(0)] = 1e-5,
    semantic_seconds: Annotated[float, Ge(0)] = 5e-3,
    draft_model: str | None = None,
    draft_length: Annotated[int, Ge(1)] = 4,
    acceptance: Annotated[float, Ge(0), Le(1)] = 0.7,
    acceptance_by_intent: dict[int, Annotated[float, Ge(0), Le(1)]] | None = None,
    slo_ttft: Annotated[float, Gt(0)] | None = None,
    slo_tpot: Annotated[float, Gt(0)] | None = None,
) -> None:
    """The settings of a server: what the `serving` block of an experiment says.

    model, device: names in models.yaml and hardware.yaml. replicas: copies of the model, each on `tensor_parallel`
    devices. router: see `router.py`. order: in which waiting requests are admitted. tiers: KV memory below that of each
    replica, the fastest first, each a name and `tiers.tier_settings`, such as [{"host": {"gib": 64}}, {"ssd": {"gib":
    1000}}]. layerwise: a prompt whose pages are loaded is prefilled as its layers come (Gao et al., CachedAttention,
    USENIX ATC 2024, section 3.2.1). fetch: when pages are loaded, see `fetching`. prefill_replicas: of the replicas,
    those that only prefill, and hand their keys and values to the others, which only decode; 0: all do both. sharing:
    replicas load pages that others have in their memory, which keep them ("replicate") or let go of them ("move");
    None: they do not. sync_on_write: what one computes is copied to all at once. interconnect: between replicas, "peer"
    (NVLink and the like) or "network". memory_utilization: share of device memory that weights and KV cache may take.
    max_num_seqs, max_num_batched_tokens: of one step; default: vLLM's for the device. watermark: share of the pages
    left free when a request is admitted beside others. max_queue: requests that wait at one replica before others are
    refused. rate: how many times as fast as in the trace requests arrive. concurrency: closed loop of that many
    requests, instead of the trace's arrivals. step_cost: see `cost.step_cost`. exact_seconds, semantic_seconds: of a
    lookup in the tiers of a stack, assumptions of the order of what `kvreplay bench` measures. draft_model: one that
    drafts `draft_length` tokens a step for this one to verify, each accepted with probability `acceptance`, or with
    what acceptance_by_intent, such as {12: 0.9}, says for requests of an intent: see `speculation`. slo_ttft, slo_tpot:
    seconds that goodput asks of a request.
    """


def _server(
    trace: Trace, policy: Policy | None, capacity: Capacity, seed: int, settings: dict[str, Any]
) -> tuple[Server, Size]:
    cost = _cost(trace, settings)
    page_tokens = trace.page_tokens or _PAGE_TOKENS
    if not trace.has_pages:
        policy = None  # there is nothing to share
    if policy is not None and policy.name != VLLM and settings["sharing"] == "move":
        raise PolicyError(f"policy {policy.label}: cannot let go of pages that are moved; use {VLLM}, or replicate")
    if settings["prefill_replicas"] and settings["prefill_replicas"] >= settings["replicas"]:
        number = settings["prefill_replicas"]
        raise ValueError(f"prefill_replicas {number}: leaves none of {settings['replicas']} to decode; use fewer, or 0")
    if policy is not None and trace.parent is None:
        raise TraceError(f"the pages of {trace.name} do not form prefixes", mend="set policy to null")
    if policy is not None:
        check_policy(policy)
    memory = settings["memory_utilization"]
    size = capacity.in_server(trace, page_tokens, token_bytes(cost), lambda: kv_tokens(cost, memory))
    sequences, batched = batch_limits(target_of(cost).device)
    sequences, each = settings["max_num_seqs"] or sequences, cost.sequence_tokens
    batched = settings["max_num_batched_tokens"] or max(batched, sequences * each)
    if batched < sequences * each:
        raise ValueError(
            f"max_num_batched_tokens {batched} is below the {sequences * each} of a step in which max_num_seqs "
            f"{sequences} decode; raise it, or lower max_num_seqs"
        )
    limits = Limits(sequences, batched, watermark=int(settings["watermark"] * size.amount), order=settings["order"])
    server = Server(
        cost,
        settings["replicas"],
        size.amount,
        page_tokens,
        limits,
        settings["router"],
        settings["max_queue"],
        policy,
        seed,
        tiers=settings["tiers"],
        layerwise=settings["layerwise"],
        fetch=settings["fetch"],
        prefill_replicas=settings["prefill_replicas"],
        interconnect=settings["interconnect"],
        on_hit=settings["sharing"],
        sync_on_write=settings["sync_on_write"],
    )
    return server, size


def _cost(trace: Trace, settings: dict[str, Any]) -> StepCost | Speculation:
    target, draft = (
        None if name is None else step_cost(name, settings["device"], settings["tensor_parallel"], method)
        for name, method in ((settings["model"], settings["step_cost"]), (settings["draft_model"], None))
    )
    assert target is not None
    if draft is None:
        return target
    acceptance = request_acceptance(trace, settings["acceptance"], settings["acceptance_by_intent"] or {})
    return Speculation(target, draft, settings["draft_length"], acceptance)


def kv_tokens(cost: StepCost | Speculation, utilization: float) -> int:
    """Tokens that fit beside the weights into `utilization` of the devices' memory; activations are left out.

    With speculation the draft's weights and keys and values lie there, too. Raises ValueError where the weights alone
    do not fit.
    """
    target = target_of(cost)
    memory = target.device.memory * target.devices * utilization
    weights = sum(model.weight_bytes for model in cost.models)
    per_token = token_bytes(cost)
    if memory - weights < per_token:
        names = " and ".join(model.name for model in cost.models)
        raise ValueError(
            f"{names}: take {weights / 2**30:.1f} GiB and {utilization:.0%} of {target.devices} x {target.device.name} "
            f"is {memory / 2**30:.1f} GiB; raise tensor_parallel, or use a larger device"
        )
    return int((memory - weights) // per_token)


def batch_limits(device: Device) -> tuple[int, int]:
    """max_num_seqs and max_num_batched_tokens of vLLM's API server (vllm/engine/arg_utils.py, get_batch_defaults)."""
    return (1024, 8192) if device.memory >= 70 * 2**30 and device.name != "a100" else (256, 2048)
