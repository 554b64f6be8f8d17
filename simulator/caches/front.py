"""A trace's way through a stack: what its tiers answer, and what is left for the pages.

The tiers do not depend on the pages, which only see what no tier answered. So the pages are replayed afterwards, by
the compiled loops, on a trace of what was left: that is exact. It is so too where memory is divided among tiers and
pages as requests pass: that hangs on which pages are asked for, and not on which of them hit.
"""

from __future__ import annotations

import functools
import threading
from typing import Any, NamedTuple

import numpy as np

from kvreplay.traces.subset import subset
from kvreplay.traces.trace import Trace

from .division import Division
from .hybrid import HybridCache
from .request import prompt_tokens, requests
from .stack import Stack

_lock = threading.Lock()


class Front(NamedTuple):
    """What became of a trace in front of its pages."""

    rest: Trace  # the requests that no tier answered
    warmed_up: int  # of them, those within the warm-up
    figures: dict[str, Any]  # by column of `replay.row.FRONT`, without those that need the pages
    timings: dict[str, float]  # by column of `replay.row.TIMINGS`


def front(trace: Trace, stack: Stack, warmup: int, seed: int, division: Division | None = None) -> Front:
    """Let `trace` pass through `stack`, or through the tiers of it that `division` divides memory among; the figures
    count from request `warmup` on.

    Undivided it is computed once for all cells that differ in the pages alone. Raises TraceError and CacheError.
    """
    if division is not None:
        return _pass(trace, stack, division.caches, warmup, division)
    with _lock:  # cells run on threads, and would each compute it
        return _undivided(trace, stack, warmup, seed)


def pass_first(count: int, trace: Trace, stack: Stack, seed: int) -> None:
    """Let the first `count` requests of `trace` pass through `stack`, for whoever asks what that takes."""
    first = subset(trace, np.arange(trace.n_requests) < count)
    _pass(first, stack, stack.build(first, seed), 0, None)


@functools.lru_cache(maxsize=4)
def _undivided(trace: Trace, stack: Stack, warmup: int, seed: int) -> Front:
    return _pass(trace, stack, stack.build(trace, seed), warmup, None)


def _pass(trace: Trace, stack: Stack, caches: HybridCache, warmup: int, division: Division | None) -> Front:
    answered = np.zeros(trace.n_requests, bool)
    for request in requests(trace):
        if request.number == warmup:
            caches.reset_counters()
        if division is not None:
            division.before(request)
        reply = caches.lookup(request)
        answered[request.number] = reply is not None
        if reply is None:
            caches.insert(request)
        if division is not None:
            division.after(request, reply)
    timings = {f"{name}_lookup_us": us for name, us in caches.timings().items()}
    figures = front_figures(trace, stack, caches, answered, warmup)
    return Front(subset(trace, ~answered), int((~answered[:warmup]).sum()), figures, timings)


def front_figures(trace: Trace, stack: Stack, caches: HybridCache, answered: np.ndarray, warmup: int) -> dict[str, Any]:
    """What `caches`, of `stack`, came to since request `warmup`, by column of `replay.row.FRONT`; those that need the
    pages are left out. `answered`, (R,) bool, says which requests they answered."""
    stats = caches.stats()
    tiers = {f"{name}_{key}": value for name, _, _ in stack.tiers for key, value in stats[name].items()}
    return {
        "stack": stack.label,
        "asked": stats["asked"],
        "answered": stats["answered"],
        "answered_ratio": stats["answered"] / stats["asked"],
        "answered_precision": stats["precision"],
        "prompt_tokens_answered": _sum(prompt_tokens(trace), answered, warmup),
        "output_tokens_answered": _sum(trace.output_tokens, answered, warmup),
        **tiers,
    }


def _sum(column: np.ndarray | None, answered: np.ndarray, warmup: int) -> int | None:
    return None if column is None else int(column[warmup:][answered[warmup:]].sum(dtype=np.int64))
