"""Replay of what is not in memory: a trace in a mapped file, and requests generated on the fly.

Both replay the same Zipf requests; what is in memory is the yardstick. Time is that of replaying and counting, on the
CPU clock; memory is what the resident set grew by, apart from the yardstick's trace itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from kvreplay.simulator.replay import replay
from kvreplay.traces import store
from kvreplay.traces.stream import Stream
from kvreplay.traces.trace import Trace
from kvreplay.traces.workloads import generate

from . import Row
from .memory import measured

_KEYS, _CAPACITY = 1_000_000, 100_000
_MIB = 2**20


def measure(*, rounds: int, requests: int = 50_000_000, policies: list[str] | None = None) -> Iterator[Row]:
    """Speed and memory of every way, at `requests` and a tenth of them, for every policy."""
    speeds: dict[tuple[str, str], float] = {}
    for policy in policies or ["lru", "s3-fifo"]:
        for length in (requests // 10, requests):
            for row in _ways(rounds, length, policy):
                speeds[policy, str(row.cells["trace"])] = float(row.cells["million/s"] or 0)
                yield row
    for (policy, trace), speed in speeds.items():
        hours = 1e12 / (speed * 1e6) / 3600
        yield Row(
            "10^12 requests, from the speeds above",
            {
                "policy": policy,
                "trace": trace,
                "core hours a cell": hours,
                "cores for 1,000 cells in a day": 1000 * hours / 24,
                "TB stored": 0.0 if trace == "generated" else 4.0,
            },
        )


def _ways(rounds: int, requests: int, policy: str) -> Iterator[Row]:
    stream = generate("zipf_stream", requests=requests, keys=_KEYS)
    trace = Trace("in memory", stream.read(0, requests), _KEYS)
    with tempfile.TemporaryDirectory() as folder:
        store.save(trace, Path(folder) / "trace.kvtrace")
        mapped = store.open_trace(Path(folder) / "trace.kvtrace")
        replay(Trace("t", stream.read(0, _KEYS), _KEYS), policy, 1)  # compiles
        speeds = {}
        for way, requested in (("in memory", trace), ("mapped", mapped), ("generated", stream)):
            runs = [measured(partial(_seconds, requested, policy)) for _ in range(rounds)]
            speeds[way] = requests / min(seconds for seconds, _ in runs) / 1e6
            used = max(used.own for _, used in runs), max(used.mapped for _, used in runs)
            yield Row(
                "Traces in memory and not",
                {
                    "policy": policy,
                    "requests": requests,
                    "trace": way,
                    "million/s": speeds[way],
                    "of in memory": speeds[way] / speeds["in memory"],
                    "own MiB": used[0] / _MIB,
                    "mapped MiB": used[1] / _MIB,
                    "file MiB": trace.pages.nbytes / _MIB if way == "mapped" else None,
                },
            )


def _seconds(trace: Trace | Stream, policy: str) -> float:
    return replay(trace, policy, _CAPACITY).timings["cpu_seconds"]
