"""The runs in a folder, also those that are damaged or half-written: each is told for what it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from kvreplay.simulator.experiment import ExperimentError, Results, open_results

_SIGNS = ("run.json", "cells.jsonl")  # a folder with one of these is that of a run


class Run(NamedTuple):
    """A run, as a list tells of it."""

    name: str
    damage: str = ""  # what is wrong with its folder; then nothing else is known
    state: str = ""  # complete, interrupted or failed
    finished: str = ""  # UTC, to the minute
    cells: str = ""
    traces: str = ""
    policies: str = ""
    commit: str = ""


def find(folder: Path) -> dict[str, Path]:
    """The folders of runs in `folder`, itself included, by their path from there. Links to folders are not followed."""
    found = {}
    for path, inner, files in os.walk(folder):
        inner[:] = [name for name in inner if not name.startswith(".")]
        if any(sign in files for sign in _SIGNS):
            found[Path(path).relative_to(folder).as_posix()] = Path(path)
    return found


def describe(name: str, folder: Path) -> Run:
    """The run in `folder`, called `name`."""
    try:
        results = open_results(folder)
    except ExperimentError as error:
        return Run(name, damage=str(error))
    run = results.run
    made = run.get("provenance") or {}
    return Run(
        name,
        state=str(run.get("status") or "unknown"),
        finished=str(run.get("finished") or "")[:16].replace("T", " "),
        cells=f"{len(results.rows):,} of {run.get('cells', '?')}",
        traces=_listed(results, "trace"),
        policies=_listed(results, "policy"),
        commit=str(made.get("commit") or "unknown")[:8] + (", with changes" if made.get("dirty") else ""),
    )


def _listed(results: Results, column: str) -> str:
    return ", ".join(results.rows[column].unique(maintain_order=True))
