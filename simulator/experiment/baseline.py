"""The regression check: an experiment's figures against those of a committed baseline, a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kvreplay.files import write_whole
from kvreplay.simulator.replay.row import COLUMNS

from .attempt import Failure
from .errors import ExperimentError
from .plan import IDENTITY, Plan, label, make_plan
from .runner import Watcher, run_cells
from .schema import METRICS
from .store import INPUTS, Results

BASELINES = Path("results/baselines")

_COMPARED = ("trace_hash", *METRICS)
_DTYPES = INPUTS | {name: dtype for name, (dtype, _) in COLUMNS.items()}

Value = int | float | str | None
# The key of a cell would not do for its identity: it changes with the code.
Cells = dict[tuple[Value, ...], dict[str, Value]]  # a cell's identity -> what is compared


class Move(NamedTuple):
    """A figure that is not as in the baseline; of a whole cell where it is missing, new or failed."""

    cell: str
    metric: str  # or "cell"
    obtained: Value
    expected: Value

    @property
    def difference(self) -> float | None:
        """obtained - expected, where both are numbers."""
        if isinstance(self.obtained, int | float) and isinstance(self.expected, int | float):
            return self.obtained - self.expected
        return None

    @property
    def texts(self) -> tuple[str, str, str]:
        """Expected, obtained and their difference, as they are written."""
        expected, obtained = ("-" if value is None else str(value) for value in (self.expected, self.obtained))
        return expected, obtained, "-" if self.difference is None else f"{self.difference:+.6g}"


class Verdict(NamedTuple):
    """What a check found."""

    name: str
    baseline: Path
    cells: list[str]  # every cell of the experiment or the baseline
    moves: list[Move]


def check(
    experiment: str | Path | Mapping[str, Any],
    baselines: Path = BASELINES,
    watch: Watcher | None = None,
) -> Verdict:
    """Run an experiment, in memory, and compare it with ``<baselines>/<name>.csv``.

    Every metric is compared exactly, or within the absolute `tolerance` that the experiment gives it.
    Raises ExperimentError where the experiment or the baseline cannot be read.
    """
    plan = make_plan(experiment)
    baseline = baselines / f"{plan.name}.csv"
    expected = _read(baseline)
    obtained, failed = _obtain(plan, watch)
    return Verdict(plan.name, baseline, *_compare(obtained, expected, failed, plan.tolerance))


def moves(first: Results, second: Results) -> list[Move]:
    """Every figure of a run that is not as in the one before, cell by cell, exactly."""
    before, after = (
        {_identity(row): {metric: row[metric] for metric in _COMPARED} for row in results.rows.iter_rows(named=True)}
        for results in (first, second)
    )
    return _compare(after, before, {}, {})[1]


def update(
    experiment: str | Path | Mapping[str, Any],
    baselines: Path = BASELINES,
    watch: Watcher | None = None,
) -> Path:
    """Run an experiment and make its figures the baseline. Raises ExperimentError where a cell fails."""
    plan = make_plan(experiment)
    obtained, failed = _obtain(plan, watch)
    if failed:
        raise ExperimentError(f"{_label(cell)}: {error}; the baseline stays" for cell, error in failed.items())
    baseline = baselines / f"{plan.name}.csv"

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")  # writes floats as repr does, which reads back as the same bits
    writer.writerow((*IDENTITY, *_COMPARED))
    for cell, figures in obtained.items():
        writer.writerow((*cell, *(figures[metric] for metric in _COMPARED)))
    write_whole(baseline, text.getvalue())
    return baseline


def _obtain(plan: Plan, watch: Watcher | None) -> tuple[Cells, dict[tuple[Value, ...], str]]:
    """The figures of every cell, in the order of the grid, and the errors of those that failed."""
    results = {cell.key: result for cell, result in run_cells(plan.cells, watch=watch)}
    obtained: Cells = {}
    failed = {}
    for cell in plan.cells:
        result = results[cell.key]
        if isinstance(result, Failure):
            failed[_identity(cell.identity)] = result.error
        else:
            obtained[_identity(cell.identity)] = {metric: result.row[metric] for metric in _COMPARED}
    return obtained, failed


def _identity(row: Mapping[str, Any]) -> tuple[Value, ...]:
    return tuple(row[name] for name in IDENTITY)


def _label(cell: tuple[Value, ...]) -> str:
    return label(dict(zip(IDENTITY, cell, strict=True)))


def _read(path: Path) -> Cells:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ExperimentError(f"{path}: is not there; write it with --update") from None
    except OSError as error:
        raise ExperimentError(f"{path}: cannot be read: {error.strerror}; name another --baseline") from error
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise ExperimentError(f"{path}:{number}: is not UTF-8 text; rewrite it with --update") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns = (*IDENTITY, *_COMPARED)
    cells: Cells = {}
    try:
        if tuple(next(reader, ())) != columns:
            raise ValueError("other columns than this version compares")
        for fields in filter(None, reader):
            if len(fields) != len(columns):
                raise ValueError(f"{len(fields)} values for {len(columns)} columns")
            values = {name: _value(name, field) for name, field in zip(columns, fields, strict=True)}
            cell = _identity(values)
            if cell in cells:
                raise ValueError("the cell is there already")
            cells[cell] = {metric: values[metric] for metric in _COMPARED}
    except (csv.Error, ValueError) as error:
        # An empty file has no line yet.
        raise ExperimentError(f"{path}:{max(reader.line_num, 1)}: {error}; rewrite it with --update") from None
    return cells


def _value(name: str, text: str) -> Value:
    if text == "":
        return None
    return {"String": str, "Int64": int, "Float64": float}[_DTYPES[name]](text)


def _compare(
    obtained: Cells, expected: Cells, failed: Mapping[tuple[Value, ...], str], tolerance: Mapping[str, float]
) -> tuple[list[str], list[Move]]:
    cells = list(dict.fromkeys((*obtained, *failed, *expected)))
    moves = []
    for cell in cells:
        if cell in failed:
            moves.append(Move(_label(cell), "cell", f"failed: {failed[cell]}", "a result"))
        elif cell not in obtained:
            moves.append(Move(_label(cell), "cell", "missing", "a result"))
        elif cell not in expected:
            moves.append(Move(_label(cell), "cell", "new", None))
        else:
            moves += _moved(_label(cell), obtained[cell], expected[cell], tolerance)
    return [_label(cell) for cell in cells], moves


def _moved(
    cell: str, obtained: Mapping[str, Value], expected: Mapping[str, Value], tolerance: Mapping[str, float]
) -> Iterable[Move]:
    for metric in _COMPARED:
        move = Move(cell, metric, obtained[metric], expected[metric])
        within = move.difference is not None and abs(move.difference) <= tolerance.get(metric, 0)
        if move.obtained != move.expected and not within:
            yield move
