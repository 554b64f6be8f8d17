"""Speed and memory of replay, against libcachesim and against a loop that only touches one word per access.

Everything is measured in one process on one thread, alternating between us and the peer, the best of several rounds;
on the CPU clock (`cpu`) and on the wall (`wall`). Two comparisons: engine against engine, where our trace is in memory
with its ids ready and libcachesim reads records from a mapped file in the page cache while it replays (it has no other
way); and file to answer, from opening the same binary file to the miss ratio, our ingest included.

Two threads over capacities are measured on the wall clock, in turns with one. Other programs on the machine cost two
threads more than one: what is told is the median of the rounds, and it means little without two idle cores.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import kvreplay
from kvreplay.jit import jit
from kvreplay.policies import Policy, find, get, names
from kvreplay.simulator.replay.cell import Cell
from kvreplay.simulator.replay.curves import sweep
from kvreplay.simulator.replay.engine import fit, replay
from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace

from . import peer

_CAPACITIES = 8  # of a sweep with one thread and with two


def bench(requests: int = 20_000_000, rounds: int = 3, policies: list[str] | None = None) -> Iterator[dict[str, Any]]:
    """One dictionary per measurement; `table` says which table it is of: engine, file, threads, memory or start."""
    zipf = kvreplay.generate("zipf", requests=requests, keys=1_000_000, skew=1.0)
    cells = [(zipf, 10_000), (zipf, 100_000)]
    try:
        conversation = kvreplay.load("mooncake-conversation")
        cells += [(conversation, 1_000), (conversation, 10_000)]
    except TraceError:
        pass  # no mirror and nothing fetched: the table shows which traces were measured
    for trace, capacity in [(trace, capacity) for trace, capacity in cells if capacity < trace.n_pages]:
        yield from _engines(trace, capacity, policies or _any_reading(), rounds)
    yield from _file_to_answer(zipf, rounds)
    yield from _two_threads(zipf, policies or ["lru", "s3-fifo", "w-tinylfu"], rounds)
    yield from _memory(zipf)
    yield from _second_start()


def _any_reading() -> list[str]:
    """The policies that replay traces of keys."""
    return [name for name in names() if find(name).reading is None]


def _engines(trace: Trace, capacity: int, policies: list[str], rounds: int) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.oracleGeneral.bin"
        if peer.is_installed():
            peer.write_oracle_general(trace, file)
        chosen = {name: get(name) for name in policies}
        if "lru" in chosen:
            chosen["lru, a user's file"] = get(_as_users_file("lru", Path(folder)))
        for name, policy in chosen.items():
            fit(trace, policy, capacity, reading="independent")
            runs: dict[str, Callable[[], Any]] = {
                "floor": partial(_touch_words, trace),
                "ours": partial(_replay, trace, policy, capacity),
            }
            if peer.is_installed() and name in peer.NAMES:
                runs["tuned"] = partial(peer.miss_ratio, file, name, capacity, peer.best_table(capacity))
                runs["default"] = partial(peer.miss_ratio, file, name, capacity, peer.DEFAULT_TABLE)
            yield {
                "table": "engine",
                "trace": trace.name,
                "capacity": capacity,
                "policy": name,
                **_speeds(runs, rounds, trace.n_accesses),
            }


def _as_users_file(name: str, folder: Path) -> str:
    """A built-in policy's source as a file outside the project, to see whether it runs any slower there."""
    module = sys.modules[get(name).hooks.decide.__module__]
    file = folder / f"{name}.py"
    file.write_text(inspect.getsource(module).replace("from .", "from kvreplay.policies."))
    return str(file)


def _file_to_answer(trace: Trace, rounds: int) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.oracleGeneral.bin"
        peer.write_oracle_general(trace, file)
        for capacity in [c for c in (10_000, 100_000) if c < trace.n_pages]:
            runs: dict[str, Callable[[], Any]] = {
                "ours": partial(_load_and_replay, file, capacity, fresh=True),
                "ours, again": partial(_load_and_replay, file, capacity, fresh=False),
            }
            if peer.is_installed():
                runs["tuned"] = partial(peer.miss_ratio, file, "lru", capacity, peer.best_table(capacity))
                runs["default"] = partial(peer.miss_ratio, file, "lru", capacity, peer.DEFAULT_TABLE)
            yield {
                "table": "file",
                "trace": trace.name,
                "capacity": capacity,
                "policy": "lru",
                **_speeds(runs, rounds, trace.n_accesses),
            }


def _two_threads(trace: Trace, policies: list[str], rounds: int) -> Iterator[dict[str, Any]]:
    capacities = np.geomspace(trace.n_pages / 1000, trace.n_pages, _CAPACITIES).astype(np.int64).clip(1).tolist()
    for name in policies:
        replay(trace, name, 1)  # compiles
        seconds: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(rounds):
            for threads, measured in seconds.items():
                start = time.perf_counter()
                for _ in sweep(trace, [name], capacities, threads=threads):
                    pass
                measured.append(time.perf_counter() - start)
        one, two = np.array(seconds[1]), np.array(seconds[2])
        yield {
            "table": "threads",
            "trace": trace.name,
            "policy": name,
            "capacities": len(capacities),
            "one wall": float(np.median(one)),
            "two wall": float(np.median(two)),
            "ratio": float(np.median(one / two)),
        }


def _memory(trace: Trace) -> Iterator[dict[str, Any]]:
    columns = [getattr(trace, name) for name in ("pages", "page_offsets", "arrival")]
    yield {
        "table": "memory",
        "what": "bytes per request of an in-memory key trace",
        "value": sum(c.nbytes for c in columns if c is not None) / trace.n_requests,
    }
    for name in _any_reading():
        cell = Cell(trace, get(name), 10_000)
        arrays = [cell.cached, *_arrays(cell.state)]
        shared = sum(a.nbytes for a in arrays if len(a) == trace.n_accesses)  # what offline policies know of the future
        yield {
            "table": "memory",
            "what": f"bytes per distinct page of {name} state, 10,000 pages cached",
            "value": (sum(a.nbytes for a in arrays) - shared) / trace.n_pages,
        }


def _second_start() -> Iterator[dict[str, Any]]:
    program = (
        "import numpy as np; from kvreplay.simulator.replay import replay; from kvreplay.traces.trace import Trace;"
        "replay(Trace('t', np.zeros(9, np.uint32), 1), 'w-tinylfu', 1)"
    )
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        seconds.append(time.perf_counter() - start)
    yield {
        "table": "start",
        "what": "seconds from process start to a first compiled replay, warm",
        "value": min(seconds[1:]),
    }


def _speeds(runs: dict[str, Callable[[], Any]], rounds: int, accesses: int) -> dict[str, float]:
    """Million accesses per second of each run: the best of `rounds`, taken in turns."""
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            inner = run()
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            if isinstance(inner, dict):  # our own engine tells the time of its loop, without the making of its state
                cpu, wall = inner["cpu_seconds"], inner["wall_seconds"]
            for clock, seconds in (("cpu", cpu), ("wall", wall)):
                key = f"{name} {clock}"
                best[key] = max(best.get(key, 0.0), accesses / seconds / 1e6)
    return best


def _replay(trace: Trace, policy: Policy, capacity: int) -> dict[str, float]:
    return replay(trace, policy, capacity).timings


def _load_and_replay(file: Path, capacity: int, fresh: bool) -> float:
    cache = file.parent / "cache"
    if fresh and cache.exists():
        cache.rename(file.parent / f"used-{time.monotonic_ns()}")
    os.environ["KVREPLAY_CACHE_DIR"] = str(cache)
    return replay(kvreplay.load(file), "lru", capacity).row["hit_ratio"]


def _touch_words(trace: Trace) -> dict[str, float]:
    words = np.zeros(trace.n_pages, np.uint32)
    _touch(trace.pages[:0], words)
    wall, cpu = time.perf_counter(), time.thread_time()
    _touch(trace.pages, words)
    return {"cpu_seconds": time.thread_time() - cpu, "wall_seconds": time.perf_counter() - wall}


@jit
def _touch(pages, words):
    for page in pages:
        words[page] += np.uint32(1)


def _arrays(state: Any) -> list[np.ndarray]:
    return [a for part in state for a in (_arrays(part) if isinstance(part, tuple) else [part])]
