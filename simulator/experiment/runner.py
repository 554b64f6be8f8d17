"""Runs the cells of a plan, keeps what finishes, and writes the result folder."""

from __future__ import annotations

import dataclasses
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from kvreplay.simulator.replay import Part, Result
from kvreplay.simulator.replay.threads import default_threads, in_threads

from . import provenance
from .attempt import Failure, attempt
from .cost import estimate, threads_for, threads_within
from .plan import Cell, Plan, make_plan
from .processes import in_processes
from .ray_cluster import on_ray
from .store import Results, open_journal, remove_reports, write_results


class Progress(NamedTuple):
    """What is told after each cell."""

    cell: Cell
    error: str | None  # the last line of the traceback, where the cell failed
    finished: int
    total: int
    share: float  # of the work, 0 .. 1: half by cells, half by page accesses, as small cells take time too


ENGINES = ("threads", "processes", "ray")

Watcher = Callable[[Progress], None]


def run(
    experiment: str | Path | Mapping[str, Any],
    out: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    resume: bool = False,
    threads: int | None = None,
    timeout: float | None = None,
    memory: int | None = None,
    engine: str | None = None,
    address: str | None = None,
    watch: Watcher | None = None,
) -> Results:
    """Run an experiment, a YAML file or a mapping, and write its result folder (default: ``results/<name>``).

    `overrides` are ``key=value`` as for ``--set``. `resume` takes over the cells that are finished already.
    `engine`, one of ENGINES, says where cells run: on threads, in processes (the default with `timeout`) or on the Ray
    cluster at `address`. `threads` run at a time on this machine (default: one per core); the rows depend on neither.
    With `timeout` a cell that takes more seconds than that fails. With `memory`, in bytes, no more of them run at a
    time than fit; on a cluster, on each node. Cells that fail are in ``run["failed"]`` of the results. Raises
    ExperimentError with every mistake in the experiment.
    """
    plan = make_plan(experiment, overrides)
    folder = Path("results", plan.name) if out is None else Path(out)
    return run_plan(
        plan,
        folder,
        resume=resume,
        threads=threads,
        timeout=timeout,
        memory=memory,
        engine=engine,
        address=address,
        watch=watch,
    )


def run_plan(
    plan: Plan,
    folder: Path,
    *,
    resume: bool = False,
    threads: int | None = None,
    timeout: float | None = None,
    memory: int | None = None,
    engine: str | None = None,
    address: str | None = None,
    watch: Watcher | None = None,
) -> Results:
    """`run` for a plan. What has finished is in the folder even where this is interrupted."""
    started, clock = datetime.now(UTC), time.monotonic()
    failed: dict[str, Failure] = {}
    peaks: dict[tuple[str, int], int] = {}
    status = "interrupted"
    with open_journal(folder) as journal:
        remove_reports(folder)
        todo = [cell for cell in plan.cells if not (resume and cell.key in journal.entries)]
        if memory is not None and engine != "ray":
            threads = threads_within(memory, todo, threads or default_threads())
        try:
            options: dict[str, Any] = {"timeout": timeout, "engine": engine, "address": address, "watch": watch}
            for cell, result in run_cells(todo, threads, memory=memory, peaks=peaks, **options):
                if isinstance(result, Failure):
                    failed[cell.key] = result
                else:
                    journal.append(cell.key, {"cell": cell.key} | cell.identity | result.row, result.timings)
            status = "failed"
        finally:
            entries = [
                journal.entries[cell.key]
                for cell in plan.cells
                if cell.key in journal.entries and cell.key not in failed
            ]
            if len(entries) == len(plan.cells):
                status = "complete"
            # By a clock that nobody sets: a run does not end before it began.
            finished = started + timedelta(seconds=time.monotonic() - clock)
            record = _record(plan, status, started, finished, failed) | {"peak_memory": _peak_memory(peaks)}
            results = write_results(folder, entries, record)
    return results


def run_cells(
    cells: Sequence[Cell],
    threads: int | None = None,
    *,
    timeout: float | None = None,
    engine: str | None = None,
    address: str | None = None,
    memory: int | None = None,
    peaks: dict[tuple[str, int], int] | None = None,
    watch: Watcher | None = None,
) -> Iterator[tuple[Cell, Result | Failure]]:
    """Replay `cells`, the longest first; each comes out as it finishes. The arguments are those of `run`, but `memory`
    and `peaks` those of `on_ray`.

    Closing the iterator, or an exception in its consumer, starts no further cell and waits for none: the threads
    are daemons, so that Ctrl-C does not wait for a long replay.
    """
    cells = _longest_first(cells)
    threads = threads_for(cells, threads)
    outcomes: Iterator[tuple[int, Result | Failure | BaseException]]
    if engine == "ray":
        outcomes = on_ray(cells, address, timeout, memory, peaks)
    elif engine == "processes" or timeout is not None:
        outcomes = in_processes(cells, threads, timeout)
    else:
        outcomes = in_threads(attempt, cells, threads)
    accesses, total = 0, sum(cell.trace.n_accesses for cell in cells) or 1  # traces may have no pages
    for finished, (number, result) in enumerate(outcomes, 1):
        cell = cells[number]
        if isinstance(result, BaseException):  # no fault of the cell: no process can be started, say
            raise result
        accesses += cell.trace.n_accesses
        if watch is not None:
            error = result.error if isinstance(result, Failure) else None
            share = (finished / len(cells) + accesses / total) / 2
            watch(Progress(cell, error, finished, len(cells), share))
        yield cell, result


def _peak_memory(peaks: Mapping[tuple[str, int], int]) -> int:
    """Bytes in memory at most, mapped files included: of this process and the largest that it ended, or of the workers
    of one node where `peaks` has them."""
    nodes: Counter[str] = Counter()
    for (node, _), peak in peaks.items():
        nodes[node] += peak
    own = sum(resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(nodes.values(), default=own)


def _longest_first(cells: Sequence[Cell]) -> list[Cell]:
    """No long cell is left to the end, when the other threads have nothing to do any more.

    Trace by trace all the same, because what offline policies are told is kept for one trace at a time.
    """
    seconds = {cell.key: cost.seconds for cell, cost in zip(cells, estimate(cells, running=True), strict=True)}
    longest: dict[int, float] = {}
    for cell in cells:
        longest[id(cell.trace)] = max(longest.get(id(cell.trace), 0.0), seconds[cell.key])
    return sorted(cells, key=lambda cell: (-longest[id(cell.trace)], id(cell.trace), -seconds[cell.key]))


def _record(
    plan: Plan, status: str, started: datetime, finished: datetime, failed: dict[str, Failure]
) -> dict[str, Any]:
    """What run.json says."""
    return {
        "name": plan.name,
        "status": status,
        "started": started.isoformat(timespec="seconds"),
        "finished": finished.isoformat(timespec="seconds"),
        "provenance": dataclasses.asdict(provenance.collect()),
        "experiment": plan.values,
        "tolerance": plan.tolerance,
        "traces": [
            {
                "name": trace.name,
                "content_hash": trace.content_hash,
                # Of a part they are not known here; its rows tell them.
                "requests": None if isinstance(trace, Part) else trace.n_requests,
                "accesses": None if isinstance(trace, Part) else trace.n_accesses,
                "pages": trace.n_pages,
                "meta": dict(trace.meta),
                "spec": spec.written(trace.name),
            }
            for trace, spec in zip(plan.traces, plan.specs, strict=True)
        ],
        # What is one word in a row, as an experiment writes it.
        "stacks": {cell.stack.label: cell.stack.written for cell in plan.cells if cell.stack.tiers},
        "servers": {name: dict(cell.serving) for cell in plan.cells if (name := cell.identity["serving"])},
        "cells": len(plan.cells),
        "failed": [
            {"cell": cell.key, "label": cell.label, **failed[cell.key]._asdict()}
            for cell in plan.cells
            if cell.key in failed
        ],
    }
