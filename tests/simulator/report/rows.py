"""Rows made by hand: every column of a result row, from hits per window and nothing else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kvreplay.simulator.experiment.store import Results, write_results
from kvreplay.simulator.replay.row import FRONT, SERVED, SERVER


def row(
    policy: str = "lru",
    hits: Sequence[int] = (30, 40, 50, 60),
    *,
    pages: Sequence[int] | int = 100,
    capacity: int = 100,
    footprint: int = 1000,
    **changes: Any,
) -> dict[str, Any]:
    """One row: `pages` accesses and `hits` hits in each window, one page per request."""
    pages = [pages] * len(hits) if isinstance(pages, int) else list(pages)
    total, hit = sum(pages), sum(hits)
    values = {
        "cell": "",
        "trace_seed": None,
        "windows": len(pages),
        "bytes_per_token": None,
        "trace": "web",
        "policy": policy,
        "reading": "independent",
        "capacity": capacity,
        "capacity_unit": "pages",
        "capacity_share": capacity / footprint,
        "seed": 0,
        "warmup": 0.0,
        "ttl": None,
        "cost_model": None,
        "sizing": None,
        "clock": None,
        "serving": None,
        "requests": total,
        "pages": total,
        "hits": hit,
        "hit_ratio": hit / total,
        "sample": None,
        "whole_hit_ratio": None,
        "half_width": None,
        "prefix_hits": hit,
        "prefix_hit_ratio": hit / total,
        "tokens": None,
        "tokens_saved": None,
        "token_hit_ratio": None,
        "request_mean_hit_ratio": hit / total,
        "requests_hit": hit,
        "requests_hit_ratio": hit / total,
        "bytes": None,
        "byte_hits": None,
        "byte_hit_ratio": None,
        "cost": None,
        "cost_hits": None,
        "cost_hit_ratio": None,
        "evictions": total - hit - capacity,
        "rejections": 0,
        "peak_pages": capacity,
        "peak_bytes": None,
        "mean_capacity": float(capacity),
        "final_capacity": capacity,
        "resizes": 0,
        "reversals": 0,
        "series_pages": pages,
        "series_hits": list(hits),
        "series_capacity": [capacity] * len(pages),
        "parts": None,
        "policy_stats": "{}",
        "trace_hash": "c0ffee" * 5,
        "policy_fingerprint": "f" * 16,
        **dict.fromkeys((*FRONT, *SERVER, *SERVED)),
    }
    assert not changes.keys() - values.keys()
    return values | changes


def resized(policies: Sequence[str] = ("lru",), **changes: Any) -> list[dict[str, Any]]:
    """For each policy rows of capacities that move from 100 pages on: one grows to 200, the other shrinks to 50."""
    ways = {"hit-ratio": [100, 150, 200], "hit-ratio:high=0.9:low=0.8": [100, 60, 50]}
    return [
        row(
            *(policy, [40 + k, 50, 60]),
            **{"sizing": sizing, "series_capacity": series, "mean_capacity": sum(series) / 3},
            **{"final_capacity": series[-1], "resizes": 2, **changes},
        )
        for policy in policies
        for k, (sizing, series) in enumerate(ways.items())
    ]


def stacked(
    threshold: float = 0.8, true: int = 40, false: int = 10, embedder: str = "e", entries: str = "lru", **changes: Any
) -> dict[str, Any]:
    """A row of 200 requests that met two caches: 20 exact hits, all true, and semantic hits under the policy
    `entries`."""
    hits = 20 + true + false
    values = {
        "stack": f"exact capacity=5 > semantic threshold={threshold} embedder={embedder} policy={entries}",
        "asked": 200,
        "answered": hits,
        "answered_ratio": hits / 200,
        "answered_precision": (20 + true) / hits,
        **{"exact_hits": 20, "exact_true_hits": 20, "exact_false_hits": 0},
        **{"semantic_embedder": embedder, "semantic_rule": f"{threshold:g}", "semantic_threshold": threshold},
        **{"semantic_true_hits": true, "semantic_false_hits": false, "semantic_missed_chances": 30},
        **{"semantic_unjudged": 0, "semantic_precision": true / (true + false), "semantic_recall_at_1": 1.0},
    }
    return row(**(values | changes))


def stacks(policies: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of a semantic cache under each of `policies`, over thresholds and two embedders."""
    return [
        stacked(threshold, int(80 * (1 - threshold)) + i, int(40 * (0.9 - threshold)), embedder, entries=policy)
        for embedder in ("idf-seeded", "wordllama")
        for i, policy in enumerate(policies)
        for threshold in (0.7, 0.8, 0.9)
    ]


def served(policies: Sequence[str], **changes: Any) -> list[dict[str, Any]]:
    """Rows of servers under each of `policies`, at three rates, the last of which is too much, and two capacities."""
    return [
        row(
            *(policy, [40 + i, 50]),
            **{"capacity": capacity, "reading": "prefix", "clock": "modelled", "serving": f"rate={rate}"},
            **{"model": "llama-3.1-8b", "device": "h100", "replicas": 4, "rate": rate},
            **{"offered_requests_per_second": 5 * rate, "requests_per_second": min(5 * rate, 13 + i)},
            **{"verdict": "unstable" if rate == 4 else "stable", "token_hit_ratio": 0.4 + i / 50 + capacity / 4000},
            **{"reused_token_ratio": 0.4 + i / 50 + capacity / 4000},
            **(_latencies(rate + i / 10) if rate < 4 else {}),
            **changes,
        )
        for i, policy in enumerate(policies)
        for capacity in (100, 200)
        for rate in (1.0, 2.0, 4.0)
    ]


def shared(policies: Sequence[str], trace: str = "shared") -> list[dict[str, Any]]:
    """Rows of servers under each of `policies` that bring pages from elsewhere, with one replica and with two."""
    return [
        row(
            *(policy, [40 + i, 50]),
            **{"trace": trace, "reading": "prefix", "clock": "modelled", "serving": f"replicas={replicas}"},
            **{"model": "llama-3.1-8b", "device": "h100", "replicas": replicas, "rate": 1.0, "verdict": "stable"},
            **{"offered_requests_per_second": 5.0, "output_tokens_per_second": 100.0 * replicas + i},
            **{"token_hit_ratio": 0.3, "loaded_token_ratio": 0.25, "loaded": json.dumps({"host": 0.15, "peer": 0.1})},
        )
        for i, policy in enumerate(policies)
        for replicas in (1, 2)
    ]


def _latencies(scale: float) -> dict[str, Any]:
    """Times that are evenly spread up to `scale` seconds, those between tokens to a hundredth of it."""
    found: dict[str, Any] = {}
    for name, most in (("ttft", scale), ("tpot", scale / 100), ("e2e", 10 * scale)):
        percentiles = [most * percent / 100 for percent in range(101)]
        found |= {f"{name}_percentiles": percentiles, f"{name}_mean": most / 2}
        found |= {f"{name}_p{percent}": percentiles[percent] for percent in (50, 90, 99)}
    return found


def divided() -> list[dict[str, Any]]:
    """Rows of 3 KiB, divided among an exact cache and pages: anew, and for good in two ways."""
    budget: dict[str, Any] = {"capacity": 3072, "capacity_unit": "bytes", "mean_capacity": 3072.0}
    front = {"stack": "exact", "asked": 300, "answered": 70, "answered_precision": 0.9}
    front |= {"exact_hits": 70, "exact_true_hits": 63, "exact_false_hits": 7}
    ways = {
        "marginal-shares": ([50, 20, 10], [10, 30, 40], [1536, 1536, 768]),
        "shares:shares=[1.0, 2.0]": ([20, 20, 20], [20, 20, 20], [1024, 1024, 1024]),
        "shares:shares=[2.0, 1.0]": ([20, 20, 20], [10, 10, 10], [2048, 2048, 2048]),
    }
    rows = []
    for sizing, (exact, pages, share) in ways.items():
        parts = {"exact": {"accesses": [100] * 3, "hits": exact, "capacity": share}}
        parts["pages"] = {"accesses": [100] * 3, "hits": pages, "capacity": [3072 - own for own in share]}
        moves = {"resizes": 4, "reversals": 1} if sizing == "marginal-shares" else {"answered_precision": 0.8}
        rows.append(row("lru", [9, 9, 9], **budget, **{**front, **moves}, sizing=sizing, parts=json.dumps(parts)))
    return rows


def save(folder: Path, rows: Sequence[dict[str, Any]], **run: Any) -> Results:
    """A run folder with these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    entries = [
        {
            "row": values | {"cell": f"{i:016x}"},
            "cell": f"{i:016x}",
            "timings": {"wall_seconds": 1.0, "cpu_seconds": 1.0, "pages_per_second": 1e6 * (i + 1)},
        }
        for i, values in enumerate(rows)
    ]
    return write_results(folder, entries, {"name": "web-run", "status": "complete", "cells": len(rows), **run})


def grid(policies: Sequence[str], capacities: Sequence[int] = (100, 200, 400), **changes: Any) -> list[dict[str, Any]]:
    """A row per policy and capacity; each policy hits a little less than the one before it, each capacity helps."""
    return [
        row(policy, [60 + 10 * j - 2 * i + k % 3 for k in range(20)], capacity=capacity, **changes)
        for i, policy in enumerate(policies)
        for j, capacity in enumerate(capacities)
    ]
