"""What an experiment costs beside the replays themselves, and how well its costs are told beforehand.

The speed of a grid is told as the share of the cores' time that went into replaying, state and counting apart: on the
CPU clock, which other programs on the machine do not disturb, and on the wall, which they do.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from kvreplay.policies import find, names
from kvreplay.simulator.experiment import make_plan, run_plan
from kvreplay.simulator.experiment.cost import estimate
from kvreplay.simulator.replay.threads import default_threads

from . import Row
from .memory import measured

_GRID = ("lru", "fifo", "lfu", "arc", "sieve", "s3-fifo", "w-tinylfu", "random", "belady", "lhd")
_COSTS = "Costs of a cell, predicted and measured"


def measure(
    *, rounds: int, requests: int = 1_000_000, cells: int = 1_000, policies: list[str] | None = None
) -> Iterator[Row]:
    """A grid on all cores against its replays, and predicted against measured costs of every policy."""
    yield from _grid(rounds, requests, cells, policies or list(_GRID))
    yield from _costs(requests, policies or [name for name in names() if find(name).reading is None])


def _grid(rounds: int, requests: int, cells: int, policies: list[str]) -> Iterator[Row]:
    cores = default_threads()
    keys = requests // 10
    capacities = np.unique(np.linspace(keys // 1000 + 1, keys // 2, cells // len(policies), dtype=int)).tolist()
    experiment = {
        "name": "grid",
        "trace": {"generate": "zipf", "requests": requests, "keys": keys},
        "policy": policies,
        "capacity": capacities,
    }
    plan, first = make_plan(experiment), make_plan(experiment | {"capacity": capacities[0]})
    engines = [("threads", 1), ("threads", cores), ("processes", cores)]
    if importlib.util.find_spec("ray"):
        engines.append(("ray", cores))
    for engine, threads in engines:
        with tempfile.TemporaryDirectory() as folder, _started(engine):
            run_plan(first, Path(folder, "first"), engine=engine, threads=threads)  # compiles
            for number in range(rounds):
                cpu, wall = time.process_time(), time.perf_counter()
                timings = run_plan(plan, Path(folder, str(number)), engine=engine, threads=threads).timings
                cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
                replaying = float(timings["cpu_seconds"].sum())
                yield Row(
                    f"A grid of {len(timings):,} cells of {requests:,} requests, seconds",
                    {
                        "engine": engine,
                        "cores": threads,
                        "wall": wall,
                        "CPU": cpu if engine == "threads" else None,
                        "CPU replaying": replaying,
                        "share of CPU": replaying / cpu if engine == "threads" else None,
                        "share of wall x cores": replaying / wall / threads,
                    },
                )


@contextlib.contextmanager
def _started(engine: str) -> Iterator[None]:
    """Start Ray beforehand, which takes longer than many a grid."""
    if engine != "ray":
        yield
        return
    import ray

    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    yield
    ray.shutdown()


def _costs(requests: int, policies: list[str]) -> Iterator[Row]:
    traces = [
        {"generate": "zipf", "requests": requests * 10, "keys": requests},
        {"generate": "conversation", "sessions": requests // 100},
    ]
    plan = make_plan({"name": "costs", "trace": traces, "policy": policies, "capacity": ["1%", "5%", "30%"]})
    predicted = estimate(plan.cells)
    for cell, cost in zip(plan.cells, predicted, strict=True):
        if cell.capacity.text != "5%":  # the others are the ones that it is told from
            continue

        def replayed(cell=cell) -> float:
            cpu = time.thread_time()
            cell.replay()
            return time.thread_time() - cpu

        cell.replay()  # compiles
        seconds, used = measured(replayed)
        yield Row(
            _COSTS,
            {
                "trace": cell.trace.name.partition(":")[0],
                "policy": cell.policy.label,
                "s predicted": cost.seconds,
                "s measured": seconds,
                "x s": cost.seconds / seconds,
                "MiB predicted": cost.memory / 2**20,
                "MiB measured": used.own / 2**20,
                "x MiB": cost.memory / max(used.own, 1),
            },
        )
