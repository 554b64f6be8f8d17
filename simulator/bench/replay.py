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

from . import Row, peer

_CAPACITIES = 8  # of a sweep with one thread and with two
_ENGINES = "Engine against engine, million page accesses per CPU second"
_FILE = "File to answer (LRU), million page accesses per CPU second; again: with our store at hand"
_TUNED, _DEFAULT = "libcachesim tuned", "its default"


def measure(*, rounds: int, requests: int = 20_000_000, policies: list[str] | None = None) -> Iterator[Row]:
    """Engine against engine, file to answer, two threads against one, memory, and the time to start."""
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


def _engines(trace: Trace, capacity: int, policies: list[str], rounds: int) -> Iterator[Row]:
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
                "kvreplay": partial(_replay, trace, policy, capacity),
            }
            if peer.is_installed() and name in peer.NAMES:
                runs[_TUNED] = partial(peer.miss_ratio, file, name, capacity, peer.best_table(capacity))
                runs[_DEFAULT] = partial(peer.miss_ratio, file, name, capacity, peer.DEFAULT_TABLE)
            cells: dict[str, Any] = {"trace": _short(trace), "capacity": capacity, "policy": name}
            yield Row(_ENGINES, cells | _speeds(runs, rounds, trace.n_accesses))


def _as_users_file(name: str, folder: Path) -> str:
    """A built-in policy's source as a file outside the project, to see whether it runs any slower there."""
    module = sys.modules[get(name).hooks.decide.__module__]
    file = folder / f"{name}.py"
    file.write_text(inspect.getsource(module).replace("from .", "from kvreplay.policies."))
    return str(file)


def _file_to_answer(trace: Trace, rounds: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trace.oracleGeneral.bin"
        peer.write_oracle_general(trace, file)
        for capacity in [c for c in (10_000, 100_000) if c < trace.n_pages]:
            runs: dict[str, Callable[[], Any]] = {
                "kvreplay": partial(_load_and_replay, file, capacity, fresh=True),
                "again": partial(_load_and_replay, file, capacity, fresh=False),
            }
            if peer.is_installed():
                runs[_TUNED] = partial(peer.miss_ratio, file, "lru", capacity, peer.best_table(capacity))
                runs[_DEFAULT] = partial(peer.miss_ratio, file, "lru", capacity, peer.DEFAULT_TABLE)
            cells: dict[str, Any] = {"trace": _short(trace), "capacity": capacity, "policy": "lru"}
            yield Row(_FILE, cells | _speeds(runs, rounds, trace.n_accesses))


def _two_threads(trace: Trace, policies: list[str], rounds: int) -> Iterator[Row]:
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
        yield Row(
            "Two threads over capacities, wall seconds; the median of the rounds",
            {
                "trace": _short(trace),
                "policy": name,
                "capacities": len(capacities),
                "one thread": float(np.median(one)),
                "two threads": float(np.median(two)),
                "x": float(np.median(one / two)),
            },
        )


def _memory(trace: Trace) -> Iterator[Row]:
    columns = [getattr(trace, name) for name in ("pages", "page_offsets", "arrival")]
    value = sum(c.nbytes for c in columns if c is not None) / trace.n_requests
    yield Row("Memory", {"what": "request of a key trace in memory", "bytes": value})
    for name in _any_reading():
        cell = Cell(trace, get(name), 10_000)
        arrays = [cell.cached, *_arrays(cell.state)]
        shared = sum(a.nbytes for a in arrays if len(a) == trace.n_accesses)  # what offline policies know of the future
        value = (sum(a.nbytes for a in arrays) - shared) / trace.n_pages
        yield Row("Memory", {"what": f"distinct page of {name} state, 10,000 pages cached", "bytes": value})


def _second_start() -> Iterator[Row]:
    program = (
        "import numpy as np; from kvreplay.simulator.replay import replay; from kvreplay.traces.trace import Trace;"
        "replay(Trace('t', np.zeros(9, np.uint32), 1), 'w-tinylfu', 1)"
    )
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", program], check=True)
        seconds.append(time.perf_counter() - start)
    yield Row("Start", {"what": "from process start to a first compiled replay, warm", "seconds": min(seconds[1:])})


def _speeds(runs: dict[str, Callable[[], Any]], rounds: int, accesses: int) -> dict[str, float | None]:
    """Million accesses per CPU second of each run, the best of `rounds`, taken in turns; and ours over the peer's."""
    cpu: dict[str, float] = {}
    wall: dict[str, float] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            walled, used = time.perf_counter(), time.process_time()
            inner = run()
            used, walled = time.process_time() - used, time.perf_counter() - walled
            if isinstance(inner, dict):  # our own engine tells the time of its loop, without the making of its state
                used, walled = inner["cpu_seconds"], inner["wall_seconds"]
            for best, seconds in ((cpu, used), (wall, walled)):
                best[name] = max(best.get(name, 0.0), accesses / seconds / 1e6)

    def times(speeds: dict[str, float], peer: str) -> float | None:
        return speeds["kvreplay"] / speeds[peer] if peer in speeds else None

    speeds: dict[str, float | None] = {name: cpu.get(name) for name in dict.fromkeys((*runs, _TUNED, _DEFAULT))}
    compared = {"x tuned": times(cpu, _TUNED), "x default": times(cpu, _DEFAULT), "x tuned, wall": times(wall, _TUNED)}
    return speeds | compared


def _short(trace: Trace) -> str:
    return trace.name.split(":")[0]


def _replay(trace: Trace, policy: Policy, capacity: int) -> dict[str, float]:
    """Seconds of the loop: without the making of its state, and without the counting of what the rows tell besides."""
    cell = Cell(trace, policy, capacity)
    cell.compile()
    wall, cpu = time.perf_counter(), time.thread_time()
    for _ in cell.chunks(1):
        pass
    return {"cpu_seconds": time.thread_time() - cpu, "wall_seconds": time.perf_counter() - wall}


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
