"""What a replay will take, from its first accesses on this machine."""

from __future__ import annotations

import time
import tracemalloc
from typing import NamedTuple

from kvreplay.policies import Policy
from kvreplay.simulator.bench.memory import measured
from kvreplay.simulator.caches.front import pass_first
from kvreplay.simulator.caches.sizing import Sizing
from kvreplay.simulator.caches.stack import Stack
from kvreplay.traces.trace import Trace

from .capacity import Size
from .engine import count, prepare
from .future import future_of
from .part import drawn


class Pilot(NamedTuple):
    """What the beginning of a replay took."""

    start: float  # CPU seconds before the first access, compilation apart
    per_access: float  # CPU seconds
    memory: int  # bytes of state


def pilot(
    trace: Trace,
    policy: Policy,
    size: Size,
    *,
    seconds: float,
    reading: str = "independent",
    seed: int = 0,
    windows: int = 100,
    ttl: float | None = None,
    cost_model: str | None = None,
    sizing: Sizing | None = None,
) -> Pilot:
    """Replay for some `seconds` of CPU time. `size` is what `fit` returned, the others are those of `replay`."""
    trace = drawn(trace)
    if "future" in policy.needs:
        future_of(trace)  # made once for all the cells of a trace
    arguments = (trace, policy, size, reading, seed, ttl, cost_model, sizing)
    prepare(*arguments).compile()
    tracemalloc.start()
    try:
        cell = prepare(*arguments)
        memory, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    began = time.thread_time()
    prepare(*arguments)
    start = time.thread_time() - began
    counts = count(cell, min(windows, trace.n_requests), seconds)
    return Pilot(start, counts.cpu / max(int(counts.pages.sum()), 1), memory)


def pilot_front(trace: Trace, stack: Stack, *, requests: int, seed: int = 0) -> Pilot:
    """Let the first `requests` requests of `trace` pass through `stack`, and twice as many.

    Each that follows is taken for as slow, and to hold as much, as one of the second half of these; `per_access` is a
    request's. Memory is that of a forked process (Linux), as tokenizers and indexes do not allocate through Python.
    """
    pass_first(max(requests // 10, 1), trace, stack, seed)  # loads embedders
    few, many = min(requests, trace.n_requests), min(2 * requests, trace.n_requests)
    (fast, small), (slow, large) = (_passed(number, trace, stack, seed) for number in (few, many))
    more = max(many - few, 1)
    per_request, held = max(slow - fast, 0.0) / more, max(large - small, 0) / more
    return Pilot(slow - per_request * many, per_request, round(large + held * (trace.n_requests - many)))


def _passed(requests: int, trace: Trace, stack: Stack, seed: int) -> tuple[float, int]:
    """CPU seconds and bytes that it takes to let the first `requests` pass."""

    def seconds() -> float:
        began = time.process_time()
        pass_first(requests, trace, stack, seed)
        return time.process_time() - began

    took, used = measured(seconds)
    return took, used.own
