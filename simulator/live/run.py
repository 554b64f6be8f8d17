"""A run's folder: what was asked for, a line for each request sent, and the table that `kvreplay validate` reads."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from kvreplay.files import write_whole
from kvreplay.simulator.serving.figures import request_times

from .errors import LiveError
from .reply import whole

RUN = "run.csv"
_SETTINGS, _RECORDS = "settings.json", "requests.jsonl"


@dataclass(frozen=True)
class Record:
    """What became of one request. Times are seconds on the run's clock, which begins with the trace's first arrival.

    `arrival` is when it was sent, `due` when it should have been. One that failed has an `error` and no more times.
    """

    request: int  # its number in the trace
    due: float
    arrival: float
    first_token: float | None = None
    end: float | None = None
    prompt_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None  # None also where the server does not tell
    attempts: int | None = None
    error: str | None = None


@dataclass(frozen=True)
class LiveRun:
    """A run, finished or not, as its folder has it."""

    folder: Path
    settings: dict[str, Any]
    records: dict[int, Record]  # the last of each request

    @cached_property
    def finished(self) -> pl.DataFrame:
        """The requests that were answered, by arrival: columns as `Record`; ttft, tpot, e2e, late in s."""
        rows = [asdict(record) for record in self.records.values() if record.error is None]
        table = pl.DataFrame(rows, schema=_SCHEMA).drop("error").sort("arrival", "request")
        arrival, first, end, output = (
            table[name].to_numpy() for name in ("arrival", "first_token", "end", "output_tokens")
        )
        times = {
            name: pl.Series(values).fill_nan(None)
            for name, values in request_times(arrival, first, end, output).items()
        }
        return table.with_columns(**times, late=pl.col("arrival") - pl.col("due"))

    @property
    def failures(self) -> Counter[str]:
        """How many requests failed, by kind."""
        return Counter(record.error for record in self.records.values() if record.error is not None)

    def write_table(self) -> Path:
        """Write the finished requests for `kvreplay validate`, into run.csv."""
        path = self.folder / RUN
        write_whole(path, self.finished.write_csv())
        return path


_TYPES = {"int": pl.Int64, "float": pl.Float64, "str": pl.String}
_SCHEMA = {name: _TYPES[kind.split(" ")[0]] for name, kind in Record.__annotations__.items()}


class RunFolder:
    """The folder while it is written to. Lines are appended whole, so that it is readable whenever the process dies."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        """Begin a run, or go on with one. Raises LiveError where the folder has a run of other settings."""
        self.folder = folder
        text = json.dumps(settings)
        if (folder / _SETTINGS).exists():
            _same(folder, open_run(folder).settings, json.loads(text))
            _drop_torn_line(folder / _RECORDS)
        else:
            write_whole(folder / _SETTINGS, text + "\n")
        self._file = os.open(folder / _RECORDS, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def add(self, record: Record) -> None:
        """Append what became of a request."""
        os.write(self._file, json.dumps(asdict(record)).encode() + b"\n")

    def close(self) -> None:
        os.close(self._file)


def open_run(folder: str | os.PathLike[str]) -> LiveRun:
    """The run that was recorded in `folder`. Raises LiveError for what is none, naming the first line that is wrong."""
    path = Path(folder)
    try:
        settings = json.loads((path / _SETTINGS).read_bytes())
    except (ValueError, RecursionError):
        settings = None
    if not isinstance(settings, dict):
        raise LiveError(f"{path / _SETTINGS}: is no JSON object; choose another folder")
    file = path / _RECORDS
    lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
    if lines and not lines[-1].endswith(b"\n"):
        lines.pop()  # the process died while it was written
    records = {}
    for number, line in enumerate(lines, 1):
        record = _record(line)
        if record is None:
            raise LiveError(f"{file}:{number}: is no record of a request; take the line out")
        records[record.request] = record
    return LiveRun(path, settings, records)


def _record(line: bytes) -> Record | None:
    try:
        record = Record(**json.loads(line))
    except (ValueError, TypeError, RecursionError):
        return None
    times: list[Any] = [record.due, record.arrival]
    counts: list[Any] = [record.request]
    if record.error is None:
        times += [record.first_token, record.end]
        counts += [record.prompt_tokens, record.output_tokens, record.attempts]
    elif not isinstance(record.error, str):
        return None
    if not all(type(time) in (int, float) and math.isfinite(time) for time in times):
        return None
    if any(whole(count) is None for count in counts):
        return None
    return record if record.cached_tokens is None or whole(record.cached_tokens) is not None else None


def _same(folder: Path, there: dict[str, Any], here: dict[str, Any]) -> None:
    for name, value in here.items():
        if there.get(name) != value:
            values = "" if name == "ruler" else f", {there.get(name)} instead of {value}"
            raise LiveError(f"{folder}: has a run with another {name}{values}; choose another folder")


def _drop_torn_line(path: Path) -> None:
    if path.exists():
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)
