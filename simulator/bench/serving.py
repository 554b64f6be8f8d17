"""How fast servers are simulated, on traffic of different kinds; on the CPU clock and on the wall's."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from kvreplay.traces import TraceError, generate, load
from kvreplay.traces.trace import Trace

from . import Row

_TABLE = "Simulated servers, the best of the rounds"
_MOONCAKE = "mooncake-conversation"


def measure(*, rounds: int, requests: int) -> Iterator[Row]:
    """Four replicas of Llama-3.1-8B on H100: the Mooncake trace if it is at hand, and generated conversations.

    `steps` are those of the servers; `events` what was simulated for them, for many decode steps are one event.
    """
    with contextlib.suppress(TraceError):  # not on this machine
        yield _row(load(_MOONCAKE), rounds, replicas=4)
        yield _row(load(_MOONCAKE), rounds, replicas=4, router="cache-load")
    chats = generate("conversation", sessions=max(requests // 5, 1), seed=1)
    yield _row(chats, rounds, replicas=4)
    yield _row(chats, rounds, replicas=4, concurrency=1000)


def _row(trace: Trace, rounds: int, **settings: Any) -> Row:
    from kvreplay.simulator.serving import simulate

    cpu = wall = float("inf")
    for _ in range(rounds):
        start, started = time.perf_counter(), time.process_time()
        simulation = simulate(trace, **settings)
        cpu, wall = min(cpu, time.process_time() - started), min(wall, time.perf_counter() - start)
    steps = simulation.steps
    served = int(steps["steps"].clip(1).sum())
    return Row(
        _TABLE,
        {
            "trace": trace.name.split(":")[0],
            "settings": ", ".join(f"{name} {value}" for name, value in settings.items()),
            "requests": trace.n_requests,
            "simulated seconds": simulation.row["seconds"],
            "steps": served,
            "events": len(steps),
            "CPU seconds": cpu,
            "wall seconds": wall,
            "requests/CPU second": trace.n_requests / cpu,
            "requests/wall second": trace.n_requests / wall,
        },
    )
