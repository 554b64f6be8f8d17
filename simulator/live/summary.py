"""What a live run comes to: what was sent and answered, how late, how long it took, and what the server had cached."""

from __future__ import annotations

from typing import Any

import numpy as np

from kvreplay.traces.trace import Trace

from .run import LiveRun

TIMES = ("ttft", "tpot", "e2e")


def summary(run: LiveRun, trace: Trace, late: float = 0.05) -> dict[str, Any]:
    """One value for each figure, None where there is none; all are measured but for `cacheable_token_ratio`.

    A request is late that was sent more than `late` seconds behind its time. Ratios are of the answered requests'
    prompt tokens, as the server counts them; `prompt_error` is the share of tokens by which prompts missed the trace's.
    """
    table = run.finished
    n = len(table)
    row = {
        "trace": trace.name,
        "url": run.settings["url"],
        "model": run.settings["model"],
        "speed": run.settings["speed"],
        "requests": run.settings["requests"],
        "answered": n,
        "failed": run.failures.total(),
        "late": int((table["late"] > late).sum()),
        "latest": table["late"].max(),
        "asked_again": int((table["attempts"] > 1).sum()),
        "prompt_tokens": int(table["prompt_tokens"].sum()),
        "output_tokens": int(table["output_tokens"].sum()),
    }
    numbers, measured = table["request"].to_numpy(), table["prompt_tokens"].to_numpy()
    assert trace.prompt_tokens is not None
    off = np.abs(measured - trace.prompt_tokens[numbers])
    cacheable = cacheable_tokens(trace, run.settings["requests"])[numbers].sum()
    row["prompt_error"] = float(off.sum() / measured.sum()) if n else None
    row["prompt_error_most"] = int(off.max()) if n else None
    row["shorter_answers"] = int((table["output_tokens"].to_numpy() < asked_tokens(trace)[numbers]).sum())
    told = n and not table["cached_tokens"].is_null().all()
    row["token_hit_ratio"] = float(table["cached_tokens"].sum() / measured.sum()) if told else None
    row["cacheable_token_ratio"] = float(cacheable / measured.sum()) if n else None
    for name in TIMES:
        times = table[name].drop_nulls()
        row[f"{name}_mean"] = times.mean()
        row |= {f"{name}_p{percent}": times.quantile(percent / 100, "linear") for percent in (50, 90, 99)}
    return row


def asked_tokens(trace: Trace) -> np.ndarray:
    """(R,) int64: tokens that each request of `trace` asks a server for: at least one."""
    if trace.output_tokens is None:
        return np.ones(trace.n_requests, np.int64)
    return np.maximum(trace.output_tokens, 1).astype(np.int64)


def cacheable_tokens(trace: Trace, requests: int) -> np.ndarray:
    """(requests,) int64: tokens of each prompt's pages that the requests before it have, if all of these were answered.

    Full pages only, and all tokens but the last, which a server must compute: vLLM's rules. 0 in traces without pages.
    """
    offsets = trace.offsets[: requests + 1]
    pages = trace.pages[: offsets[-1]].astype(np.int64)
    if trace.prompt_tokens is None or trace.page_tokens is None or not len(pages):
        return np.zeros(requests, np.int64)
    owner = np.repeat(np.arange(requests), np.diff(offsets))
    # Ids are dense in first-seen order: a page was seen before a request exactly if its id is below those new to it.
    known = np.concatenate([[0], np.maximum.accumulate(pages) + 1])[offsets[:-1]]
    full = (trace.prompt_tokens[:requests] - 1) // trace.page_tokens
    hit = (pages < known[owner]) & (np.arange(len(pages)) - offsets[owner] < full[owner])
    return np.bincount(owner[hit], minlength=requests) * trace.page_tokens
