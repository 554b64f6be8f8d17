"""Runs the cells of a plan on threads, keeps what finishes, and writes the result folder."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from kvreplay.simulator.replay import Result
from kvreplay.simulator.replay.threads import in_threads

from . import provenance
from .plan import Cell, Plan, make_plan
from .store import Results, open_journal, write_results


class Progress(NamedTuple):
    """What is told after each cell."""

    cell: Cell
    error: str | None  # the last line of the traceback, where the cell failed
    finished: int
    total: int
    share: float  # of the work, 0 .. 1: half by cells, half by page accesses, as small cells take time too


Watcher = Callable[[Progress], None]


class Failure(NamedTuple):
    """A cell that raised."""

    error: str
    traceback: str


def run(
    experiment: str | Path | Mapping[str, Any],
    out: str | Path | None = None,
    *,
    overrides: Sequence[str] = (),
    resume: bool = False,
    threads: int | None = None,
    watch: Watcher | None = None,
) -> Results:
    """Run an experiment, a YAML file or a mapping, and write its result folder (default: ``results/<name>``).

    `overrides` are ``key=value`` as for ``--set``. `resume` takes over the cells that are finished already.
    `threads` cells run at a time (default: one per core); the rows do not depend on it. Cells that raise are in
    ``run["failed"]`` of the results. Raises ExperimentError with every mistake in the experiment.
    """
    plan = make_plan(experiment, overrides)
    return run_plan(plan, Path("results", plan.name) if out is None else Path(out), resume, threads, watch)


def run_plan(
    plan: Plan, folder: Path, resume: bool = False, threads: int | None = None, watch: Watcher | None = None
) -> Results:
    """`run` for a plan. What has finished is in the folder even where this is interrupted."""
    started = datetime.now(UTC)
    failed: dict[str, Failure] = {}
    status = "interrupted"
    with open_journal(folder) as journal:
        for report in ("summary.md", "report.html"):  # of an earlier run: they would lie beside other rows
            (folder / report).unlink(missing_ok=True)
        todo = [cell for cell in plan.cells if not (resume and cell.key in journal.entries)]
        try:
            for cell, result in run_cells(todo, threads, watch):
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
            results = write_results(folder, entries, _record(plan, status, started, failed))
    return results


def run_cells(
    cells: Sequence[Cell], threads: int | None = None, watch: Watcher | None = None
) -> Iterator[tuple[Cell, Result | Failure]]:
    """Replay `cells` on threads, trace by trace; each comes out as it finishes.

    Closing the iterator, or an exception in its consumer, starts no further cell and waits for none: the threads
    are daemons, so that Ctrl-C does not wait for a long replay.
    """
    # Trace by trace, because what offline policies are told is kept for one trace at a time.
    order = {id(trace): i for i, trace in reversed(list(enumerate(cell.trace for cell in cells)))}
    cells = sorted(cells, key=lambda cell: order[id(cell.trace)])
    accesses, total = 0, sum(cell.trace.n_accesses for cell in cells)
    for finished, (number, outcome) in enumerate(in_threads(Cell.replay, cells, threads), 1):
        cell = cells[number]
        result = _failure(outcome) if isinstance(outcome, BaseException) else outcome
        accesses += cell.trace.n_accesses
        if watch is not None:
            error = result.error if isinstance(result, Failure) else None
            share = (finished / len(cells) + accesses / total) / 2
            watch(Progress(cell, error, finished, len(cells), share))
        yield cell, result


def _failure(error: BaseException) -> Failure:
    return Failure(f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))


def _record(plan: Plan, status: str, started: datetime, failed: dict[str, Failure]) -> dict[str, Any]:
    """What run.json says."""
    return {
        "name": plan.name,
        "status": status,
        "started": started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "provenance": dataclasses.asdict(provenance.collect()),
        "experiment": plan.values,
        "tolerance": plan.tolerance,
        "traces": [
            {
                "name": trace.name,
                "content_hash": trace.content_hash,
                "requests": trace.n_requests,
                "accesses": trace.n_accesses,
                "pages": trace.n_pages,
                "meta": dict(trace.meta),
            }
            for trace in plan.traces
        ],
        "cells": len(plan.cells),
        "failed": [
            {"cell": cell.key, "label": cell.label, **failed[cell.key]._asdict()}
            for cell in plan.cells
            if cell.key in failed
        ],
    }
