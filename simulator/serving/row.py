"""The row of a simulation: the columns that every cell of an experiment has, and those of servers."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from kvreplay.simulator.caches.sizing import Resizes
from kvreplay.simulator.replay.cell import windows_of
from kvreplay.simulator.replay.engine import front_columns
from kvreplay.simulator.replay.row import COLUMNS, TIMES

from .figures import request_times, verdict_of
from .recorder import Recorder
from .speculation import target_of

if TYPE_CHECKING:
    from .simulation import Setup, Simulation


def row_of(simulation: Simulation) -> dict[str, Any]:
    """What `simulation` came to after its warm-up, by `replay.row.COLUMNS`.

    Times are null where it was unstable: they would grow with the trace. Tokens per second are those that users sent
    and got, what was answered in front included; hits are of what reached the replicas.
    """
    # Arrays and no data frames: where cells run in forked processes, those of Polars may wait for ever.
    setup, recorder = simulation.setup, simulation.recorder
    counts = np.arange(setup.trace.n_requests) >= setup.warmed_up
    served = counts & np.isfinite(recorder.end)
    steps = recorder.step_columns()
    values = _inputs(setup) | _hits(setup, recorder, np.flatnonzero(served & (recorder.tier < 0)))
    if setup.server.sizing is not None:
        values |= _sizes(setup, recorder, np.flatnonzero(served & (recorder.tier < 0)), values)
    cached = _most(steps["pinned_pages"] + steps["idle_pages"])
    values |= {"peak_pages": cached, "peak_bytes": cached * setup.server.page_tokens * setup.token_bytes}
    values |= {"refused": int(counts.sum() - served.sum()), **_speed(setup, recorder, steps, counts, served)}
    if simulation.front is not None:
        values |= front_columns(simulation.front.figures(recorder.tier >= 0), values)
    values |= {"moved": json.dumps(recorder.moved), "events": recorder.digest()}
    return {name: values.get(name) for name in COLUMNS}


def _inputs(setup: Setup) -> dict[str, Any]:
    policy, size, settings = setup.policy, setup.size, setup.settings
    cost, by_intent = target_of(setup.server.cost), settings["acceptance_by_intent"]
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
        "step_cost": cost.method,
        "tiers": " > ".join(map(str, settings["tiers"])) or None,
        "acceptance_by_intent": None if by_intent is None else str(by_intent),
        "mean_capacity": float(size.amount),
        "final_capacity": size.amount,
        "resizes": 0,
        "reversals": 0,
        "policy_stats": "{}",
        "trace_hash": setup.trace.content_hash,
        "policy_fingerprint": "" if policy is None else policy.fingerprint,
    }


def _hits(setup: Setup, recorder: Recorder, numbers: np.ndarray) -> dict[str, Any]:
    """What the requests `numbers`, which replicas served, found in their memory, and in each window of them."""
    trace, count = setup.trace, len(numbers)
    assert trace.prompt_tokens is not None
    pages = np.diff(trace.offsets)[numbers] if trace.has_pages else np.zeros(count, np.int64)
    saved, tokens = recorder.hit_tokens[numbers], trace.prompt_tokens[numbers].astype(np.int64)
    hits = saved // setup.server.page_tokens
    whole, some = (hits == pages) & (pages > 0), pages > 0
    edges = [(low, high) for _, low, high in windows_of(0, count, max(min(setup.windows, count), 1))]
    columns = {"pages": pages, "hits": hits, "prefix_hits": hits, "tokens": tokens, "tokens_saved": saved}
    total = {name: int(column.sum()) for name, column in columns.items()}
    loaded = {place: int(column[numbers].sum()) for place, column in recorder.loaded_tokens.items()}
    shares = {place: ratio(brought, total["tokens"]) for place, brought in loaded.items()}
    return {
        "requests": count,
        **total,
        "hit_ratio": ratio(total["hits"], total["pages"]),
        "prefix_hit_ratio": ratio(total["hits"], total["pages"]),
        "token_hit_ratio": ratio(total["tokens_saved"], total["tokens"]),
        "request_mean_hit_ratio": ratio(float((hits[some] / pages[some]).sum()), count),
        "requests_hit": int(whole.sum()),
        "requests_hit_ratio": ratio(int(whole.sum()), count),
        **{f"series_{name}": [int(column[low:high].sum()) for low, high in edges] for name, column in columns.items()},
        "series_capacity": [setup.size.amount] * len(edges),
        "reused_token_ratio": ratio(total["tokens_saved"] + sum(loaded.values()), total["tokens"]),
        "loaded_token_ratio": ratio(sum(loaded.values()), total["tokens"]),
        "loaded": json.dumps(shares) if shares else None,
        "prefilled_tokens": int(recorder.prefilled_tokens[numbers].sum()),
        "preemptions": int(recorder.preemptions[numbers].sum()),
    }


def _sizes(setup: Setup, recorder: Recorder, numbers: np.ndarray, values: Mapping[str, Any]) -> dict[str, Any]:
    """How the pages that each replica might cache moved over the requests `numbers`; each that prefills, where not all
    do."""
    moves, final = [], []
    for replica in range(setup.server.replicas):
        own = numbers[recorder.replica[numbers] == replica]
        limits = recorder.limit[own[np.argsort(recorder.admission[own], kind="stable")]].tolist()
        moved = Resizes()
        for before, after in itertools.pairwise(limits):
            moved.note(before, after)
        moves.append(moved)
        final += limits[-1:]
    limit = recorder.limit[numbers]
    edges = windows_of(0, len(numbers), len(values["series_capacity"]))
    return {
        "sizing": None if setup.server.sizing is None else setup.server.sizing.label,
        "mean_capacity": float(limit.mean()) if len(limit) else None,
        "final_capacity": round(sum(final) / len(final)) if final else setup.size.amount,
        "resizes": sum(moved.changes for moved in moves),
        "reversals": sum(moved.reversals for moved in moves),
        "series_capacity": [int(limit[high - 1]) if high else setup.size.amount for _, _, high in edges],
    }


def _speed(
    setup: Setup, recorder: Recorder, steps: Mapping[str, np.ndarray], counts: np.ndarray, served: np.ndarray
) -> dict[str, Any]:
    """How fast the requests that count were served, and at which price. `counts` and `served` are (R,) bool."""
    trace, settings, cost = setup.trace, setup.settings, target_of(setup.server.cost)
    replicas, prefill = settings["replicas"], settings["prefill_replicas"]
    assert trace.prompt_tokens is not None
    assert trace.output_tokens is not None
    start = float(recorder.arrival[setup.warmed_up]) if setup.warmed_up else 0.0
    seconds = float(recorder.end[served].max(initial=start)) - start
    prompt, output = (int(column[served].sum(dtype=np.int64)) for column in (trace.prompt_tokens, trace.output_tokens))
    times = request_times(recorder.arrival, recorder.first, recorder.end, trace.output_tokens)
    times |= {"queueing": recorder.admission - recorder.arrival, "handover": recorder.handover - recorder.first}
    verdict = _verdict(recorder, counts)
    within = served.copy()
    for name in ("ttft", "tpot"):
        if settings[f"slo_{name}"] is not None:
            within &= ~(times[name] > settings[f"slo_{name}"])  # a request without such a time is within
    good = None if settings["slo_ttft"] is settings["slo_tpot"] is None else int(within.sum())
    spans = np.clip(steps["end"] - np.maximum(steps["start"], start), 0.0, None)
    busy = np.bincount(steps["replica"], spans, replicas)  # (replicas,) s
    dollars = cost.device.dollars_per_hour * cost.devices * replicas * seconds / 3600
    offered = None
    if settings["concurrency"] is None and trace.duration:
        offered = trace.n_requests / trace.duration * settings["rate"]
    return {
        "verdict": verdict,
        "seconds": seconds,
        "offered_requests_per_second": offered,
        "requests_per_second": ratio(int(served.sum()), seconds),
        "prompt_tokens_per_second": ratio(prompt, seconds),
        "output_tokens_per_second": ratio(output, seconds),
        "goodput": None if good is None else ratio(good, seconds),
        "slo_ratio": None if good is None else ratio(good, int(counts.sum())),
        **({} if verdict == "unstable" else _latencies({name: times[name][served] for name in TIMES})),
        "output_tokens": output,
        "utilisation": ratio(float(busy.sum()), seconds * replicas),
        "prefill_utilisation": ratio(float(busy[:prefill].sum()), seconds * prefill),
        "decode_utilisation": ratio(float(busy[prefill:].sum()), seconds * (replicas - prefill)) if prefill else None,
        "peak_held_pages": _most(steps["held_pages"]),
        "dollars_per_million_tokens": ratio(1e6 * dollars, prompt + output),
    }


def _verdict(recorder: Recorder, counts: np.ndarray) -> str:
    """Whether the queue grew as long as requests came, or that of prompts handed over."""
    queued = counts & np.isfinite(recorder.admission)
    handed = np.flatnonzero(counts & np.isfinite(recorder.handover))
    handed = handed[np.argsort(recorder.first[handed], kind="stable")]
    verdicts = (
        verdict_of(recorder.arrival[queued], recorder.admission[queued]),
        verdict_of(recorder.first[handed], recorder.handover[handed]),
    )
    return "unstable" if "unstable" in verdicts else "stable"


def _latencies(times: Mapping[str, np.ndarray]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, column in times.items():
        values = column[np.isfinite(column)]
        if len(values):
            percentiles = np.quantile(values, np.arange(101) / 100)
            found |= {f"{name}_mean": float(values.mean()), f"{name}_percentiles": percentiles.tolist()}
            found |= {f"{name}_p{percent}": float(percentiles[percent]) for percent in (50, 90, 99)}
    return found


def _most(column: np.ndarray) -> int:
    return int(column.max(initial=0))


def ratio(part: float, whole: float) -> float | None:
    """part / whole; None of nothing."""
    return part / whole if whole else None
