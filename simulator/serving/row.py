"""The row of a simulation: the columns that every cell of an experiment has, and those of servers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kvreplay.simulator.replay.cell import windows_of
from kvreplay.simulator.replay.engine import front_columns
from kvreplay.simulator.replay.row import COLUMNS, TIMES

from .figures import REQUESTS, verdict_of
from .speculation import target_of

if TYPE_CHECKING:
    from .simulation import Setup, Simulation


def row_of(simulation: Simulation) -> dict[str, Any]:
    """What `simulation` came to after its warm-up, by `replay.row.COLUMNS`.

    Times are null where it was unstable: they would grow with the trace. Tokens per second are those that users sent
    and got, what was answered in front included; hits are of what reached the replicas.
    """
    setup, recorder = simulation.setup, simulation.recorder
    requests = simulation.requests[setup.warmed_up :]
    served = requests.filter(pl.col("end").is_not_null())
    values = _inputs(setup) | _hits(setup, served.filter(pl.col("tier").is_null()))
    steps = simulation.steps
    cached = int((steps["pinned_pages"] + steps["idle_pages"]).max() or 0)  # type: ignore[arg-type]
    values |= {"peak_pages": cached, "peak_bytes": cached * setup.server.page_tokens * setup.token_bytes}
    values |= {"refused": len(requests) - len(served), **_times(simulation, requests, served)}
    if simulation.front is not None:
        values |= front_columns(simulation.front.figures(recorder.tier >= 0), values)
    values |= {"moved": json.dumps(recorder.moved), "events": recorder.digest()}
    return {name: values.get(name) for name in COLUMNS}


def _inputs(setup: Setup) -> dict[str, Any]:
    policy, size, settings = setup.policy, setup.size, setup.settings
    cost = target_of(setup.server.cost)
    return {
        **settings,
        "model": cost.model.name,
        "device": cost.device.name,
        "trace": setup.trace.name,
        "policy": "none" if policy is None else policy.label,
        "reading": "prefix",
        "capacity": size.amount,
        "capacity_unit": size.unit,
        "capacity_share": size.share,
        "seed": setup.seed,
        "warmup": float(setup.warmup),
        "clock": "modelled",
        "serving": setup.label,
        "cost": cost.method,
        "tiers": " > ".join(map(str, settings["tiers"])) or None,
        "mean_capacity": float(size.amount),
        "final_capacity": size.amount,
        "resizes": 0,
        "reversals": 0,
        "policy_stats": "{}",
        "trace_hash": setup.trace.content_hash,
        "policy_fingerprint": "" if policy is None else policy.fingerprint,
    }


def _hits(setup: Setup, computed: pl.DataFrame) -> dict[str, Any]:
    """What the requests that replicas served found in their memory, and in each window of them."""
    trace, count = setup.trace, len(computed)
    places = [name for name in computed.columns if name.endswith("_tokens") and name not in REQUESTS]
    numbers = computed["request"].to_numpy()
    pages = np.diff(trace.offsets)[numbers] if trace.has_pages else np.zeros(count, np.int64)
    saved, tokens = computed["hit_tokens"].to_numpy(), computed["prompt_tokens"].to_numpy().astype(np.int64)
    hits = saved // setup.server.page_tokens
    edges = [(low, high) for _, low, high in windows_of(0, count, max(min(setup.windows, count), 1))]
    columns = {"pages": pages, "hits": hits, "prefix_hits": hits, "tokens": tokens, "tokens_saved": saved}
    total = {name: int(column.sum()) for name, column in columns.items()}
    loaded = int(computed["loaded_tokens"].sum())
    return {
        "requests": count,
        **total,
        "hit_ratio": ratio(total["hits"], total["pages"]),
        "prefix_hit_ratio": ratio(total["hits"], total["pages"]),
        "token_hit_ratio": ratio(total["tokens_saved"], total["tokens"]),
        "request_mean_hit_ratio": ratio(float((hits[pages > 0] / pages[pages > 0]).sum()), count),
        "requests_hit": int(((hits == pages) & (pages > 0)).sum()),
        "requests_hit_ratio": ratio(int(((hits == pages) & (pages > 0)).sum()), count),
        **{f"series_{name}": [int(column[low:high].sum()) for low, high in edges] for name, column in columns.items()},
        "series_capacity": [setup.size.amount] * len(edges),
        "reused_token_ratio": ratio(total["tokens_saved"] + loaded, total["tokens"]),
        "loaded_token_ratio": ratio(loaded, total["tokens"]),
        "loaded": json.dumps(
            {name.removesuffix("_tokens"): ratio(int(computed[name].sum()), total["tokens"]) for name in places}
        )
        if places
        else None,
        "prefilled_tokens": int(computed["prefilled_tokens"].sum()),
        "preemptions": int(computed["preemptions"].sum()),
    }


def _times(simulation: Simulation, requests: pl.DataFrame, served: pl.DataFrame) -> dict[str, Any]:
    """How fast the requests that count were served, and at which price."""
    setup, steps = simulation.setup, simulation.steps
    settings, cost = setup.settings, target_of(setup.server.cost)
    replicas, prefill = settings["replicas"], settings["prefill_replicas"]
    slo = (settings["slo_ttft"], settings["slo_tpot"])
    start = float(simulation.recorder.arrival[setup.warmed_up]) if setup.warmed_up else 0.0
    seconds = float(served["end"].max() or start) - start  # type: ignore[arg-type]
    prompt, output = (int(served[name].sum()) for name in ("prompt_tokens", "output_tokens"))
    queued = requests.filter(pl.col("admission").is_not_null())
    verdict = verdict_of(queued["arrival"].to_numpy(), queued["admission"].to_numpy())
    handed = requests.filter(pl.col("handover").is_not_null()).sort("first_token")["first_token", "handover"]
    if verdict == "stable":
        verdict = verdict_of(handed["first_token"].to_numpy(), handed.sum_horizontal().to_numpy())
    within = pl.lit(True)
    for name, most in zip(("ttft", "tpot"), slo, strict=True):
        if most is not None:
            within &= pl.col(name).fill_null(0.0) <= most
    good = None if slo == (None, None) else len(served.filter(within))
    busy = np.bincount(steps["replica"], (steps["end"] - steps["start"].clip(start)).clip(0.0), replicas)
    dollars = cost.device.dollars_per_hour * cost.devices * replicas * seconds / 3600
    offered = None
    if settings["concurrency"] is None and setup.trace.duration:
        offered = setup.trace.n_requests / setup.trace.duration * settings["rate"]
    return {
        "verdict": verdict,
        "seconds": seconds,
        "offered_requests_per_second": offered,
        "requests_per_second": ratio(len(served), seconds),
        "prompt_tokens_per_second": ratio(prompt, seconds),
        "output_tokens_per_second": ratio(output, seconds),
        "goodput": None if good is None else ratio(good, seconds),
        "slo_ratio": None if good is None else ratio(good, len(requests)),
        **({} if verdict == "unstable" else _latencies(served)),
        "output_tokens": output,
        "utilisation": ratio(float(busy.sum()), seconds * replicas),
        "prefill_utilisation": ratio(float(busy[:prefill].sum()), seconds * prefill),
        "decode_utilisation": ratio(float(busy[prefill:].sum()), seconds * (replicas - prefill)) if prefill else None,
        "peak_held_pages": int(steps["held_pages"].max() or 0),  # type: ignore[arg-type]
        "dollars_per_million_tokens": ratio(1e6 * dollars, prompt + output),
    }


def _latencies(served: pl.DataFrame) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in TIMES:
        values = served[name].drop_nulls().to_numpy()
        if len(values):
            percentiles = np.quantile(values, np.arange(101) / 100)
            found |= {f"{name}_mean": float(values.mean()), f"{name}_percentiles": percentiles.tolist()}
            found |= {f"{name}_p{percent}": float(percentiles[percent]) for percent in (50, 90, 99)}
    return found


def ratio(part: float, whole: float) -> float | None:
    """part / whole; None of nothing."""
    return part / whole if whole else None
