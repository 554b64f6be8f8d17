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
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from kvreplay.files import write_whole
from kvreplay.simulator.replay.row import COLUMNS, TIMINGS

from . import provenance
from .errors import ExperimentError

if TYPE_CHECKING:
    import pandas

# What rows.parquet has in front of row.COLUMNS: the inputs that are not among them.
INPUTS = {"cell": "String", "trace_seed": "Int64", "windows": "Int64", "bytes_per_token": "Int64"}
_ROW_COLUMNS = INPUTS | {name: dtype for name, (dtype, _) in COLUMNS.items()}
_TIMING_COLUMNS = {name: dtype for name, (dtype, _) in TIMINGS.items()}
# What every row says, and reports rely on.
_NEVER_NULL = (
    *("cell", "trace", "trace_hash", "policy", "reading", "capacity", "capacity_unit", "seed"),
    *("capacity_share", "series_pages", "series_hits"),
)

_JOURNAL, _ROWS, _TIMINGS, _RUN = "cells.jsonl", "rows.parquet", "timings.parquet", "run.json"
_SYNC_EVERY = 1.0  # seconds of finished cells that a power failure may take
_MAX_LEVELS = 30  # of run.json
_DTYPES: dict[str, Any] = {
    "String": pl.String,
    "Int64": pl.Int64,
    "Float64": pl.Float64,
    "Boolean": pl.Boolean,
    "List(Int64)": pl.List(pl.Int64),
    "List(Float64)": pl.List(pl.Float64),
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
    """The results in `folder`. Raises ExperimentError where there are none, they are damaged, or another version, whose
    rows are others, wrote them."""
    folder = Path(folder)
    path = folder / _ROWS
    try:
        rows = _read_table(path, _ROW_COLUMNS)
        path = folder / _TIMINGS
        timings = _read_table(path, {"cell": "String"} | _TIMING_COLUMNS)
        path = folder / _RUN
        run = json.loads(path.read_text(encoding="utf-8"))
        _check_run(run)
    except FileNotFoundError as error:
        mend = "go on with --resume" if (folder / _JOURNAL).exists() else "run the experiment first"
        raise ExperimentError(f"{folder}: has no results; {mend}") from error
    except OSError as error:
        raise ExperimentError(f"{path}: cannot be read: {error.strerror or error}; name the folder of a run") from error
    except _OtherColumns as error:
        what = _written_by(folder) or "is damaged"
        raise ExperimentError(f"{path}: {what} ({error}); run the experiment with --resume") from error
    except (pl.exceptions.PolarsError, ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise ExperimentError(f"{path}: is damaged ({reason}); run the experiment with --resume") from error
    return Results(folder, rows, timings, run)


class _OtherColumns(ValueError):
    """A table lacks a column, or has it of another type."""


def _written_by(folder: Path) -> str | None:
    """Which version wrote the results in `folder`; None where it is this one, or is not known."""
    with contextlib.suppress(OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
        made = json.loads((folder / _RUN).read_text(encoding="utf-8"))["provenance"]
        version, commit = made.get("version"), made.get("commit")
        this = provenance.collect()
        if version and (version, commit) != (this.version, this.commit):
            return f"was written by kvreplay {version}" + (f", commit {commit[:9]}" if commit else "")
    return None


def _read_table(path: Path, columns: dict[str, str]) -> pl.DataFrame:
    """The table in `path`. Raises ValueError where one of `columns` is missing, of another type, or has a hole."""
    table = pl.read_parquet(path)
    for name, dtype in columns.items():
        if table.schema.get(name) != _DTYPES[dtype]:
            raise _OtherColumns(f"column {name!r} is missing or not {dtype}")
        if name in _NEVER_NULL and table[name].null_count():
            raise ValueError(f"column {name!r} has a null")
    return table


def _check_run(run: Any) -> None:
    """Raise ValueError where a report could not read this run.json."""
    if not isinstance(run, dict):
        raise ValueError("no mapping")
    for name in ("experiment", "provenance"):
        if not isinstance(run.get(name) or {}, dict):
            raise ValueError(f"{name} is no mapping")
    for name in ("traces", "failed"):
        items = run.get(name) or []
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise ValueError(f"{name} is no list of mappings")
    if not all(isinstance(trace.get("meta") or {}, dict) for trace in run.get("traces") or []):
        raise ValueError("the meta of a trace is no mapping")
    if _is_deeper(run, _MAX_LEVELS):
        raise ValueError(f"nested over {_MAX_LEVELS} levels deep")


def _is_deeper(value: Any, levels: int) -> bool:
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_is_deeper(item, levels - 1) for item in items)


class Journal:
    """The finished cells of a folder, by key, and the right to add to them."""

    def __init__(self, path: Path, entries: dict[str, dict[str, Any]], file: FileIO) -> None:
        self.entries, self._path, self._file = entries, path, file
        self._synced = time.monotonic()

    def append(self, key: str, row: dict[str, Any], timings: dict[str, float]) -> None:
        """Add a finished cell, which a kill of this process does not lose. Raises ExperimentError where there is no
        room."""
        known = {name: value for name, value in row.items() if value is not None}  # most columns of a replay are null
        self.entries[key] = {"cell": key, "row": known, "timings": timings}
        line = _line(self.entries[key]).encode()
        try:
            while line:
                line = line[self._file.write(line) :]  # a disk that is nearly full takes a part
            # A disk takes milliseconds to say that it has it, which a fast cell would spend waiting.
            if time.monotonic() - self._synced > _SYNC_EVERY:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            del self.entries[key]
            mend = "what has finished is kept, make room and go on with --resume"
            raise ExperimentError(f"{self._path}: cannot be written: {error.strerror}; {mend}") from error


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
            file = stack.enter_context(path.open("ab", buffering=0))
        except BlockingIOError:
            raise ExperimentError(f"{folder}: another run is writing here; wait, or choose another --out") from None
        except OSError as error:
            # What write_whole raises names the file already.
            reason = f"{folder}: cannot be written: {error.strerror}" if error.strerror else str(error)
            raise ExperimentError(f"{reason}; choose another --out") from error
        yield Journal(path, entries, file)


def remove_reports(folder: Path) -> None:
    """Remove the reports of an earlier run: they would lie beside other rows. Raises ExperimentError."""
    for path in (folder / "summary.md", folder / "report.html"):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            what = f"{path}: is in the way of the report ({error.strerror})"
            raise ExperimentError(f"{what}; move it, or choose another --out") from error


def _read_journal(path: Path) -> dict[str, dict[str, Any]]:
    entries = {}
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line.decode())
            if not _is_entry(entry):
                raise ValueError
            entries[entry["cell"]] = entry
        except (ValueError, RecursionError):
            if number < len(lines):  # what follows the last line break is nothing, or torn
                raise ExperimentError(f"{path}:{number}: is damaged; delete the line") from None
    return entries


def _is_entry(entry: Any) -> bool:
    """Whether this is what `Journal.append` writes."""
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("cell"), str)
        and _fits(entry.get("row"), _ROW_COLUMNS)
        and _fits(entry.get("timings"), _TIMING_COLUMNS)
    )


def _fits(values: Any, columns: dict[str, str]) -> bool:
    # A line from an earlier version may lack columns that came later.
    return isinstance(values, dict) and all(
        _is(values[name], dtype) if values.get(name) is not None else name not in _NEVER_NULL
        for name, dtype in columns.items()
    )


def _is(value: Any, dtype: str) -> bool:
    if dtype.startswith("List"):
        return isinstance(value, list) and all(_is(item, dtype[len("List(") : -1]) for item in value)
    if dtype == "Int64":
        return type(value) is int and -(2**63) <= value < 2**63
    if dtype == "Boolean":
        return isinstance(value, bool)
    return isinstance(value, str) if dtype == "String" else type(value) in (int, float)


def write_results(folder: Path, entries: Iterable[dict[str, Any]], run: dict[str, Any]) -> Results:
    """Replace the tables in `folder` by those of `entries`, lines of the journal, and run.json by `run`."""
    entries = list(entries)
    rows = frame([entry["row"] for entry in entries], _ROW_COLUMNS)
    timings = frame(
        [{"cell": entry["cell"], **entry["timings"]} for entry in entries], {"cell": "String"} | _TIMING_COLUMNS
    )
    for name, table in ((_ROWS, rows), (_TIMINGS, timings)):
        parquet = io.BytesIO()
        table.write_parquet(parquet)
        write_whole(folder / name, parquet.getvalue())
    write_whole(folder / _RUN, json.dumps(run, indent=1) + "\n")
    return Results(folder, rows, timings, run)


def frame(rows: list[dict[str, Any]], dtypes: dict[str, str]) -> pl.DataFrame:
    """A frame of exactly these columns, types and order."""
    return pl.DataFrame(rows, schema={name: _DTYPES[dtype] for name, dtype in dtypes.items()})


def _line(entry: dict[str, Any]) -> str:
    return json.dumps(entry) + "\n"
