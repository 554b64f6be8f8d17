"""A trace's way through a stack: what its tiers answer, and what is left for the pages.

The tiers do not depend on the pages, which only see what no tier answered. So the pages are replayed afterwards, by
the compiled loops, on a trace of what was left: that is exact.
"""

from __future__ import annotations

import functools
import threading
from typing import Any, NamedTuple

import numpy as np

from kvreplay.traces.subset import subset
from kvreplay.traces.trace import Trace

from .request import requests
from .stack import Stack

_lock = threading.Lock()


class Front(NamedTuple):
    """What became of a trace in front of its pages."""

    rest: Trace  # the requests that no tier answered
    warmed_up: int  # of them, those within the warm-up
    figures: dict[str, Any]  # by column of `replay.row.FRONT`, without those that need the pages
    timings: dict[str, float]  # by column of `replay.row.TIMINGS`


def front(trace: Trace, stack: Stack, warmup: int, seed: int) -> Front:
    """Let `trace` pass through `stack`; the figures count from request `warmup` on.

    Computed once for all cells that differ in the pages alone. Raises TraceError and CacheError.
    """
    with _lock:  # cells run on threads, and would each compute it
        return _front(trace, stack, warmup, seed)


@functools.lru_cache(maxsize=4)
def _front(trace: Trace, stack: Stack, warmup: int, seed: int) -> Front:
    caches = stack.build(trace, seed)
    answered = np.zeros(trace.n_requests, bool)
    for request in requests(trace):
        if request.number == warmup:
            caches.reset_counters()
        answered[request.number] = caches.lookup(request) is not None
        if not answered[request.number]:
            caches.insert(request)
    stats = caches.stats()
    tiers = {f"{name}_{key}": value for name, _, _ in stack.tiers for key, value in stats[name].items()}
    figures = {
        "stack": stack.label,
        "asked": stats["asked"],
        "answered": stats["answered"],
        "answered_ratio": stats["answered"] / stats["asked"],
        "answered_precision": stats["precision"],
        "prompt_tokens_answered": _tokens(trace, answered, warmup),
        "output_tokens_answered": _sum(trace.output_tokens, answered, warmup),
        **tiers,
    }
    timings = {f"{name}_lookup_us": us for name, us in caches.timings().items()}
    return Front(subset(trace, ~answered), int((~answered[:warmup]).sum()), figures, timings)


def _tokens(trace: Trace, answered: np.ndarray, warmup: int) -> int | None:
    """Prompt tokens of what was answered; those of its pages where the trace does not tell them, as in a replay."""
    if trace.prompt_tokens is not None or trace.page_tokens is None:
        return _sum(trace.prompt_tokens, answered, warmup)
    return _sum(np.diff(trace.offsets) * trace.page_tokens, answered, warmup)


def _sum(column: np.ndarray | None, answered: np.ndarray, warmup: int) -> int | None:
    return None if column is None else int(column[warmup:][answered[warmup:]].sum(dtype=np.int64))
