"""What cells will take: time and memory, told from short replays on this machine that are remembered.

Cells that differ only in capacity and seed are told from two of them, those of the smallest and of the
largest capacity; between these, time and memory change with the logarithm of the capacity.
"""

from __future__ import annotations

import bisect
import contextlib
import hashlib
import heapq
import itertools
import json
import math
import os
import platform
import resource
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from kvreplay.files import write_whole
from kvreplay.simulator.replay.engine import divides_memory
from kvreplay.simulator.replay.part import Part
from kvreplay.simulator.replay.pilot import Pilot, pilot, pilot_front
from kvreplay.simulator.replay.threads import default_threads
from kvreplay.simulator.serving.model import get_model
from kvreplay.traces.catalogue import cache_dir

from .clocks import CLOCKS, UNTIMED
from .errors import ExperimentError
from .plan import Cell
from .provenance import cpu_name

_SECONDS = 0.1  # of a short replay
_PASSED = 1000  # requests that are let pass through a stack to try it, and twice as many
_WORTH = 100  # a run tries cells that take so many times as long as trying them
_REMEMBERED = 10_000  # short replays
_BUFFERS = 8 << 20  # bytes of a cell besides its state: what is read of a mapped trace, hits, numbers drawn
_PROCESS = 256 << 20  # bytes of a process that has imported everything and compiled a policy
# Of what was not tried. Built-in policies take 5 ns an access (FIFO) to 150 ns (adaptive), and 100 bytes a page.
_SECONDS_PER_ACCESS, _BYTES_PER_PAGE = 60e-9, 100
_SECONDS_PER_DRAWN = 3e-9  # access of the whole trace, when a part is drawn
_SECONDS_PER_REQUEST, _BYTES_PER_REQUEST = 500e-6, 2000  # of a server: its steps, and the record of them
_OPERATIONS_PER_SECOND = 3e10  # of a real model on one core
_SECONDS_PER_LOOKUP = 30e-6  # in a cache in front of the pages: an exact one takes a few us, a semantic one up to 100


class Cost(NamedTuple):
    """What one cell will take."""

    seconds: float  # of one core
    memory: int  # bytes of its own, with the part of a trace that it draws; traces, which cells share, come on top


def estimate(cells: Sequence[Cell], *, running: bool = False) -> list[Cost]:
    """What each of `cells` will take; compiling a policy comes on top. Tiers that share memory with the pages are taken
    for typical.

    Where they are `running` anyway, only built-in policies with much to do are tried; others are taken for typical.
    Raises PolicyError where a policy fails.
    """
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(_group(cell), []).append(cell)
    costs: dict[str, Cost] = {}
    with _remembered() as memory:
        for group, own in groups.items():
            if not _is_tried(own, running):
                costs |= {cell.key: _typical(cell) for cell in own}
                continue
            low, high = min(own, key=lambda cell: cell.size.amount), max(own, key=lambda cell: cell.size.amount)
            ends = []
            for end in (low, high):
                name = f"{group} {end.size.amount}"
                if name not in memory:
                    memory[name] = _try(end)
                ends.append(memory[name])
            for cell in own:
                costs[cell.key] = _between(cell, low, high, ends)
    drawn = set()
    for cell in cells:
        if isinstance(cell.trace, Part):
            costs[cell.key] = _with_part(costs[cell.key], cell.trace, is_first=cell.trace.content_hash not in drawn)
            drawn.add(cell.trace.content_hash)
    fronts = set()
    with _remembered() as memory:
        for cell in cells:
            divided = (
                cell.key if divides_memory(cell.trace, cell.size) else None
            )  # which shares its front with no other
            front = (id(cell.stack), id(cell.trace), cell.warmup, cell.seed, divided)
            if cell.stack.tiers and front not in fronts:  # the cells that share it wait for the first
                fronts.add(front)
                passing = _passing(cell, memory, is_tried=not (running or divided))
                cost = costs[cell.key]
                costs[cell.key] = Cost(cost.seconds + passing.seconds, cost.memory + passing.memory)
    return [costs[cell.key] for cell in cells]


def _is_tried(cells: Sequence[Cell], running: bool) -> bool:
    """Whether to try cells of one group: not those of servers, or whose memory hangs on what tiers in front answer, nor
    while others run a part that another process may draw."""
    first = cells[0]
    if first.policy is None or first.clock != UNTIMED or divides_memory(first.trace, first.size):
        return False
    if running and isinstance(first.trace, Part):
        return False
    typical = sum(cell.trace.n_accesses for cell in cells) * _SECONDS_PER_ACCESS
    return not running or (first.policy.hooks.built_in and typical > _WORTH * 2 * _SECONDS)


def memory_of_traces(cells: Iterable[Cell]) -> int:
    """Bytes that the cells share: columns that are no mapped files, and what offline policies are told of one trace."""
    wholes = (cell.trace.whole if isinstance(cell.trace, Part) else cell.trace for cell in cells)
    traces = {id(trace): trace for trace in wholes}
    return sum(trace.nbytes for trace in traces.values()) + max(map(_told, cells), default=0)


def _told(cell: Cell) -> int:
    return 8 * cell.trace.n_accesses if cell.policy is not None and "future" in cell.policy.needs else 0


def threads_within(limit: int, cells: Sequence[Cell], threads: int) -> int:
    """How many of `cells`, no more than `threads`, this process may replay at a time and stay below `limit` bytes.

    Raises ExperimentError where it is not even one.
    """
    pages, page_bytes = int(Path("/proc/self/statm").read_text().split()[1]), resource.getpagesize()
    room = limit - pages * page_bytes - max((_told(cell) for cell in cells), default=0)
    needs = [cost.memory + _BUFFERS for cost in estimate(cells)]
    check_room(cells, needs, room)
    return max(bisect.bisect_right(list(itertools.accumulate(sorted(needs, reverse=True)[:threads])), room), 1)


def in_worker(cells: Sequence[Cell]) -> list[int]:
    """Bytes that a process takes in all that replays only the one of `cells`; traces, which it shares, come on top."""
    costs = zip(cells, estimate(cells), strict=True)
    return [cost.memory + _BUFFERS + _told(cell) + _PROCESS for cell, cost in costs]


def check_room(cells: Sequence[Cell], needs: Sequence[int], room: int) -> None:
    """Raise ExperimentError where one of `cells` needs more than `room` bytes."""
    need, cell = max(zip(needs, cells, strict=True), key=lambda pair: pair[0], default=(0, None))
    if cell is not None and need > room:
        left = f"{max(room, 0) / 2**20:.0f} MiB are left of --memory beside the program and the traces"
        what = f"{cell.label}: needs {need / 2**20:.0f} MiB, and {left}"
        raise ExperimentError(f"{what}; allow more, or estimate from samples (kvreplay curve --sample)")


def threads_for(cells: Sequence[Cell], threads: int | None) -> int:
    """How many of `cells` run at a time: `threads`, by default one per core; one where others would spoil what a clock
    measures."""
    if any(CLOCKS[cell.clock].alone for cell in cells):
        return 1
    return max(min(threads or default_threads(), len(cells)), 1)


def makespan(seconds: Iterable[float], threads: int) -> float:
    """Seconds until all is done, the longest first, each on the thread that is free first."""
    free = [0.0] * threads
    for long in sorted(seconds, reverse=True):
        heapq.heapreplace(free, free[0] + long)
    return max(free)


def _group(cell: Cell) -> str:
    """A hash of all that two cells share whose costs follow from each other."""
    trace = cell.trace  # parts of one are alike
    content = f"{trace.whole.content_hash} {trace.rate}" if isinstance(trace, Part) else trace.content_hash
    parts = (
        *(content, cell.policy and cell.policy.fingerprint, CLOCKS[cell.clock].version()),
        *(cell.reading, cell.size.unit),
        *(cell.windows, cell.ttl is None, cell.cost_model, None if cell.sizing is None else cell.sizing.label),
    )
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def _try(cell: Cell) -> Pilot:
    assert cell.policy is not None
    return pilot(
        *(cell.trace, cell.policy, cell.size),
        seconds=_SECONDS,
        reading=cell.reading,
        seed=cell.seed,
        windows=cell.windows,
        ttl=cell.ttl,
        cost_model=cell.cost_model,
        sizing=cell.sizing,
    )


def _typical(cell: Cell) -> Cost:
    if cell.clock == "measured":
        model, trace = get_model(cell.serving["model"]), cell.trace
        tokens = sum(int(column.sum()) for column in (trace.prompt_tokens, trace.output_tokens) if column is not None)
        pages = cell.size.amount * (trace.page_tokens or 0) * model.kv_bytes_per_token
        return Cost(2 * model.token_weights * tokens / _OPERATIONS_PER_SECOND, 4 * model.weights + pages)
    if cell.clock != UNTIMED:
        requests, pages = cell.trace.n_requests, cell.trace.n_pages * cell.serving["replicas"]
        return Cost(requests * _SECONDS_PER_REQUEST, requests * _BYTES_PER_REQUEST + pages * _BYTES_PER_PAGE)
    return Cost(cell.trace.n_accesses * _SECONDS_PER_ACCESS, cell.trace.n_pages * _BYTES_PER_PAGE)


def _passing(cell: Cell, memory: dict[str, Pilot], is_tried: bool) -> Cost:
    """What it takes to let the requests pass through the cell's stack."""
    requests = cell.trace.n_requests
    if not is_tried:
        return Cost(requests * len(cell.stack.tiers) * _SECONDS_PER_LOOKUP, 0)
    name = f"front {cell.trace.content_hash[:16]} {cell.stack.fingerprint[:16]}"
    if name not in memory:
        memory[name] = pilot_front(cell.trace, cell.stack, requests=_PASSED, seed=cell.seed)
    start, per_request, bytes_held = memory[name]
    return Cost(start + per_request * requests, bytes_held)


def _with_part(cost: Cost, part: Part, is_first: bool) -> Cost:
    """What comes on top of a replay of `part`: drawing it, and the second replay from which the error is told."""
    drawing = part.whole.n_accesses * _SECONDS_PER_DRAWN if is_first else 0.0
    while_drawn = 8 * part.n_accesses + 21 * part.whole.n_pages
    while_replayed = 4 * part.n_accesses + 8 * part.n_pages + cost.memory
    return Cost(2 * cost.seconds + drawing, max(while_drawn, while_replayed))


def _between(cell: Cell, low: Cell, high: Cell, ends: list[Pilot]) -> Cost:
    span = math.log(high.size.amount / low.size.amount)
    share = math.log(cell.size.amount / low.size.amount) / span if span else 0.0
    start, per_access, memory = (a + share * (b - a) for a, b in zip(*ends, strict=True))
    return Cost(start + per_access * cell.trace.n_accesses, round(memory))


@contextlib.contextmanager
def _remembered() -> Iterator[dict[str, Pilot]]:
    """Short replays by name, as this machine made them; new ones are remembered, where there is a place for it."""
    parts = (cpu_name(), os.cpu_count(), platform.platform(), platform.python_version(), version("numba"))
    path = cache_dir() / f"costs-{hashlib.sha256(repr(parts).encode()).hexdigest()[:16]}.json"
    found: dict[str, Pilot] = {}
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):  # not there yet, or damaged
        found = {
            name: Pilot(float(start), float(per_access), int(memory))
            for name, (start, per_access, memory) in json.loads(path.read_text()).items()
        }
    known = len(found)
    yield found
    if len(found) > known:
        with contextlib.suppress(OSError):
            write_whole(path, json.dumps(dict(list(found.items())[-_REMEMBERED:])))
