"""The explorer at the head of report.html: the data that it draws from, as JSON within the page.

explorer.js draws and decides nothing: means, ranges, bounds and words are made here, where the other parts of a report
have theirs from.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

from kvreplay.simulator.experiment.plan import IDENTITY
from kvreplay.simulator.experiment.store import INPUTS, Results
from kvreplay.simulator.replay.row import COLUMNS

from . import numbers, provenance, tradeoffs
from .findings import is_online
from .style import distinct_looks, looks
from .workloads import METRICS, Row, Workload, about_pages, is_number, spread, value

_SKIPPED = ("parts", "policy_stats")  # the tables show them


def parts(results: Results, found: Sequence[Workload], metric: str) -> list[str]:
    """The explorer as HTML, with its data; nothing where there is nothing to draw. It stays hidden without scripts."""
    shown = data(results, found, metric)
    if not shown["subjects"]:
        return []
    # No name within it may end the element: `<` and `&` are written as escapes.
    text = json.dumps(shown, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c").replace("&", "\\u0026")
    return [
        files(__package__).joinpath("explorer.html").read_text(encoding="utf-8"),
        f'<script type="application/json" id="explorer-data">{text}</script>',
    ]


def data(results: Results, found: Sequence[Workload], metric: str) -> dict[str, Any]:
    """What explorer.js draws: `subjects` (pictures to choose from), `looks` of lines, and `cells` by column."""
    rows = results.rows.to_dicts()
    index = {row["cell"]: i for i, row in enumerate(rows)}
    subjects = [_by_capacity(workload, index) for workload in about_pages(found)]
    subjects = [subject for subject in subjects if subject["metrics"]]
    subjects += [_beside_false_hits(", ".join(of), lines, index) for of, lines in tradeoffs.tradeoffs(rows).items()]
    names: dict[str, list[str]] = {"capacity": [], "answers": []}
    for subject in subjects:
        names[subject["kind"]] += [line["name"] for line in subject["lines"]]
    drawn = distinct_looks(names["answers"]) | looks(names["capacity"])
    columns = {name: column for name in (*INPUTS, *COLUMNS) if (column := _column(rows, name)) is not None}
    made = results.run.get("provenance") or {}
    return {
        "metric": metric,
        "subjects": subjects,
        "looks": {name: [look.colour, look.marker, look.dash] for name, look in drawn.items()},
        "cells": columns,
        "meanings": {name: meaning for name, (_, meaning) in COLUMNS.items() if name in columns},
        "yaml": _experiments(results.run, rows),
        "code": dict(provenance.facts({name: made.get(name) for name in ("version", "commit", "dirty")})),
    }


def _by_capacity(workload: Workload, index: dict[str, int]) -> dict[str, Any]:
    """Lines of points over capacity: of each the cells, one a seed, and by metric [mean] or [mean, low, high]."""
    lines: dict[str, dict[tuple[float, float], list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in workload.rows:
        lines[row["policy"]][row["capacity"], row["capacity_share"]].append(row)
    for row in workload.resized:
        share = row["capacity_share"] * row["mean_capacity"] / row["capacity"]
        lines[f"{row['policy']} sized by {row['sizing']}"][row["mean_capacity"], share].append(row)
    sizes = sorted({size for points in lines.values() for size in points})
    metrics = {}
    for name, label in METRICS.items():
        if any(is_number(row[name]) for row in (*workload.rows, *workload.resized)):
            ways: dict[tuple[str, float], float] = {
                (line, capacity): way
                for capacity, _ in workload.capacities
                for line, way in workload.way(name, capacity).items()
            }
            metrics[name] = {
                "label": label,
                "optimum": [[capacity, _short(value)] for capacity, value in workload.optimum(name).items()],
                "infinite": _short(workload.infinite(name)) if workload.rows else None,
                "values": [[_spread(rows, name) for _, rows in sorted(points.items())] for points in lines.values()],
                "ways": [
                    [_short(ways.get((line, size))) for size, _ in sorted(points)] for line, points in lines.items()
                ],
            }
    return {
        "title": workload.title,
        "kind": "capacity",
        "unit": workload.unit,
        "sizes": [
            [size, numbers.size(size, workload.unit), numbers.short_size(size, workload.unit), numbers.share(share)]
            for size, share in sizes
        ],
        "metrics": metrics,
        "lines": [
            {
                "name": line,
                "online": is_online(line),
                "at": [sizes.index(size) for size in sorted(points)],
                "cells": [[index[row["cell"]] for row in points[size]] for size in sorted(points)],
            }
            for line, points in lines.items()
        ],
    }


def _beside_false_hits(title: str, lines: dict[str, list[tradeoffs.Tradeoff]], index: dict[str, int]) -> dict[str, Any]:
    """Lines of points, true hits over false hits."""
    return {
        "title": title,
        "kind": "answers",
        "metrics": {},
        "lines": [
            {
                "name": name,
                "online": True,
                "points": [
                    [_short(p.false_hits), _short(p.true_hits), _short(p.precision), _short(p.threshold)]
                    for p in points
                ],
                "cells": [[index[row["cell"]] for row in point.rows] for point in points],
            }
            for name, points in lines.items()
        ],
    }


def _spread(rows: Iterable[Row], metric: str) -> list[float | None] | None:
    """The mean over seeds, and the range or interval where there is one; None without a value."""
    counted = [row for row in rows if is_number(value(row, metric))]
    if not counted:
        return None
    mean, low, high = spread(counted, metric)
    return [_short(mean)] if low == high else [_short(mean), _short(low), _short(high)]


def _short(value: float | None) -> float | None:
    """A figure with as many digits as anybody reads."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.7g}")


def _column(rows: Sequence[Row], name: str) -> dict[str, Any] | None:
    """The values of a column of the rows; None where it has none that is for reading."""
    values = [row[name] for row in rows]
    if name in _SKIPPED or all(value is None or isinstance(value, list) for value in values):
        return None
    return _coded([_short(value) if isinstance(value, float) else value for value in values])


def _coded(values: Sequence[Any]) -> dict[str, Any]:
    """`values` as the different ones, and which of them each is."""
    of = {value: i for i, value in enumerate(dict.fromkeys(values))}
    return {"of": list(of), "at": [of[value] for value in values]}


def _experiments(run: dict[str, Any], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Each cell as an experiment of its own: lines of YAML, in their order, each as a column over the cells.

    Empty for a run of a version that did not record how its traces and stacks were named.
    """
    specs = {(trace.get("name"), trace.get("content_hash")): trace.get("spec") for trace in run.get("traces") or []}
    stacks = run.get("stacks") or {}
    columns: list[list[str]] = [[f"name: {run.get('name')}-{row['cell']}\n" for row in rows]]
    for name in (name for name in IDENTITY if name not in ("trace_seed", "capacity_unit")):
        column = []
        for row in rows:
            value = row[name]
            if name == "trace":
                value = specs.get((value, row["trace_hash"]))
            elif name == "stack" and value is not None:
                value = stacks.get(value)
            elif name == "capacity" and row["capacity_unit"] == "bytes":
                value = f"{value}B"
            if value is None and (name == "trace" or row[name] is not None):
                return []
            # JSON is YAML. Of inputs that are null the default is just that.
            column.append("" if value is None else f"{name}: {json.dumps(value, ensure_ascii=False)}\n")
        columns.append(column)
    return [_coded(column) for column in columns if any(column)]
