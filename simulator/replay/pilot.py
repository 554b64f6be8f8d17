"""What a replay will take, from its first accesses on this machine."""

from __future__ import annotations

import time
import tracemalloc
from typing import NamedTuple

from kvreplay.policies import Policy
from kvreplay.simulator.caches.sizing import Sizing
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
