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

from . import numbers, provenance, servers, tradeoffs
from .findings import is_online
from .style import distinct_looks, looks
from .workloads import METRICS, Row, Workload, about_pages, is_number, spread, value

# What a server with a clock came to, as it is called in front of a person.
_SERVED = {
    "ttft_p50": "median seconds to the first token",
    "ttft_p99": "seconds to the first token, 99th percentile",
    "tpot_p50": "median seconds between tokens",
    "e2e_p99": "seconds to the last token, 99th percentile",
    "requests_per_second": "requests served a second",
    "output_tokens_per_second": "output tokens a second",
    "goodput": "goodput, requests a second",
    "slo_ratio": "share of requests within the SLO",
    "token_hit_ratio": "token hit ratio",
    "dollars_per_million_tokens": "dollars per million tokens",
}
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
    subjects = [_by_load(title, own, index) for title, own in servers.groups(rows).items()]
    subjects += [_by_capacity(workload, index) for workload in about_pages(found)]
    subjects = [subject for subject in subjects if subject["metrics"]]
    subjects += [_beside_false_hits(", ".join(of), lines, index) for of, lines in tradeoffs.tradeoffs(rows).items()]
    names: dict[bool, list[str]] = {True: [], False: []}
    for subject in subjects:
        names[subject["kind"] == "capacity"] += [line["name"] for line in subject["lines"]]
    drawn = distinct_looks(names[False]) | looks(names[True])  # those of policies do not depend on the others
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


def _by_load(title: str, rows: list[Row], index: dict[str, int]) -> dict[str, Any]:
    """Lines of points over the requests offered a second, or where their rate does not vary over the tokens reused."""
    differ = servers.distinguishing(rows)
    loaded = "rate" in differ and all(row["offered_requests_per_second"] for row in rows)
    across, axis = ("offered_requests_per_second", "rate") if loaded else ("reused_token_ratio", "capacity")
    lines: dict[str, dict[float, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        if row[across] is not None:
            lines[servers.named(row, [name for name in differ if name not in (axis, "seed")])][row[axis]].append(row)
    points = [[own for _, own in sorted(line.items())] for line in lines.values()]
    return {
        "title": title,
        "kind": "servers",
        "across": "requests offered a second" if loaded else "prompt tokens hit or loaded",
        "loaded": loaded,
        "metrics": {
            name: {"label": label, "ratio": name.endswith("_ratio"), "values": values}
            for name, label in _SERVED.items()
            if any(map(any, values := [[_spread(own, name) for own in line] for line in points]))
        },
        "lines": [
            {
                "name": name,
                "x": [_short(sum(row[across] for row in own) / len(own)) for own in line],
                "cells": [[index[row["cell"]] for row in own] for own in line],
            }
            for name, line in zip(lines, points, strict=True)
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
    specs = {(t.get("name"), t.get("content_hash")): t["spec"] for t in run.get("traces") or [] if "spec" in t}
    known = {"stack": run.get("stacks") or {}, "serving": run.get("servers") or {}}

    def written(name: str, row: Row) -> Any:
        """An input as an experiment writes it; None where it is left out, because null is its default."""
        value = row[name]
        if name == "trace":
            return specs[value, row["trace_hash"]]
        if name in known:
            return known[name][value] if value else None
        if name == "policy" and value == "none":
            return [None]  # null alone would be left out
        return f"{value}B" if name == "capacity" and row["capacity_unit"] == "bytes" else value

    columns: list[list[str]] = [[f"name: {run.get('name')}-{row['cell']}\n" for row in rows]]
    try:
        for name in (name for name in IDENTITY if name not in ("trace_seed", "capacity_unit")):
            values = [written(name, row) for row in rows]
            # JSON is YAML.
            columns.append(["" if v is None else f"{name}: {json.dumps(v, ensure_ascii=False)}\n" for v in values])
    except KeyError:
        return []
    return [_coded(column) for column in columns if any(column)]
