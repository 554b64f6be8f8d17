"""The result folder: a journal of finished cells that only grows, and the tables made from it.

cells.jsonl has a line for each finished cell, written as it finishes. A line is true for ever, because its key covers
all that the row depends on: a folder is never emptied, and an experiment run by mistake under the same name costs
nothing but time. rows.parquet, timings.parquet and run.json belong to the last run and are replaced as a whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import polars as pl

from kvreplay.files import write_whole
from kvreplay.simulator.replay.row import COLUMNS, TIMINGS

from .errors import ExperimentError

if TYPE_CHECKING:
    import pandas

# What rows.parquet has in front of row.COLUMNS: the inputs that are not among them.
INPUTS = {"cell": "String", "trace_seed": "Int64", "windows": "Int64", "bytes_per_token": "Int64"}

_JOURNAL, _ROWS, _TIMINGS, _RUN = "cells.jsonl", "rows.parquet", "timings.parquet", "run.json"
_DTYPES: dict[str, Any] = {
    "String": pl.String,
    "Int64": pl.Int64,
    "Float64": pl.Float64,
    "List(Int64)": pl.List(pl.Int64),
}


@dataclass(frozen=True, repr=False)
class Results:
    """An experiment's results."""

    folder: Path
    rows: pl.DataFrame  # a row for each cell: INPUTS and row.COLUMNS, in the order of the grid
    timings: pl.DataFrame  # measured: cell and row.TIMINGS, in the same order
    run: dict[str, Any]  # provenance, the experiment, its traces, and the cells that failed

    def __repr__(self) -> str:
        return f"Results({str(self.folder)!r}, {len(self.rows)} rows, {self.run.get('status')})"

    def to_pandas(self) -> pandas.DataFrame:
        """`rows` as a pandas frame. Raises ModuleNotFoundError where pandas or pyarrow are not installed."""
        try:
            return self.rows.to_pandas()
        except ModuleNotFoundError as error:
            mend = "install them with: pip install pandas pyarrow"
            raise ModuleNotFoundError(f"a pandas frame needs pandas and pyarrow; {mend}") from error


def open_results(folder: str | Path) -> Results:
    """The results in `folder`. Raises ExperimentError where there are none, or they are damaged."""
    folder = Path(folder)
    try:
        rows, timings = pl.read_parquet(folder / _ROWS), pl.read_parquet(folder / _TIMINGS)
        return Results(folder, rows, timings, json.loads((folder / _RUN).read_text()))
    except FileNotFoundError as error:
        mend = "go on with --resume" if (folder / _JOURNAL).exists() else "run the experiment first"
        raise ExperimentError(f"{folder}: has no results; {mend}") from error
    except (pl.exceptions.PolarsError, ValueError) as error:
        raise ExperimentError(f"{folder}: is damaged ({str(error).splitlines()[0]}); go on with --resume") from error


class Journal:
    """The finished cells of a folder, by key, and the right to add to them."""

    def __init__(self, entries: dict[str, dict[str, Any]], file: TextIO) -> None:
        self.entries, self._file = entries, file

    def append(self, key: str, row: dict[str, Any], timings: dict[str, float]) -> None:
        """Add a finished cell; it is on the disk when this returns."""
        self.entries[key] = {"cell": key, "row": row, "timings": timings}
        self._file.write(_line(self.entries[key]))
        self._file.flush()
        os.fsync(self._file.fileno())


@contextlib.contextmanager
def open_journal(folder: Path) -> Iterator[Journal]:
    """The journal in `folder`, which is made where it is missing; one process at a time has it.

    Raises ExperimentError where the folder cannot be written or is in use, or the journal is damaged.
    """
    path = folder / _JOURNAL
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, lock)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            entries = _read_journal(path)
            # A line for each cell and no torn one: what a killed run left half-written goes.
            write_whole(path, "".join(map(_line, entries.values())))
            file = stack.enter_context(path.open("a"))
        except BlockingIOError:
            raise ExperimentError(f"{folder}: another run is writing here; wait, or choose another --out") from None
        except OSError as error:
            raise ExperimentError(f"{folder}: cannot be written: {error.strerror}; choose another --out") from error
        yield Journal(entries, file)


def _read_journal(path: Path) -> dict[str, dict[str, Any]]:
    entries = {}
    lines = path.read_text().splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            entries[entry["cell"]] = entry
        except (ValueError, KeyError, TypeError):
            if number < len(lines):
                raise ExperimentError(f"{path}:{number}: is damaged; delete the line") from None
    return entries


def write_results(folder: Path, entries: Iterable[dict[str, Any]], run: dict[str, Any]) -> Results:
    """Replace the tables in `folder` by those of `entries`, lines of the journal, and run.json by `run`."""
    entries = list(entries)
    rows = _table([entry["row"] for entry in entries], INPUTS | {name: dtype for name, (dtype, _) in COLUMNS.items()})
    timings = _table(
        [{"cell": entry["cell"], **entry["timings"]} for entry in entries],
        {"cell": "String"} | {name: dtype for name, (dtype, _) in TIMINGS.items()},
    )
    for name, frame in ((_ROWS, rows), (_TIMINGS, timings)):
        parquet = io.BytesIO()
        frame.write_parquet(parquet)
        write_whole(folder / name, parquet.getvalue())
    write_whole(folder / _RUN, json.dumps(run, indent=1) + "\n")
    return Results(folder, rows, timings, run)


def _table(rows: list[dict[str, Any]], dtypes: dict[str, str]) -> pl.DataFrame:
    """A frame of exactly these columns, types and order."""
    return pl.DataFrame(rows, schema={name: _DTYPES[dtype] for name, dtype in dtypes.items()})


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry) + "\n"
