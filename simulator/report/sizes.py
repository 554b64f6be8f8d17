"""Capacities that move or are divided: over time, beside the page hit ratio, and what each cost."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import numbers
from .figure import HEIGHT, LABEL_CHARACTER, LABEL_GAP, LABEL_LEFT, WIDTH, End, Panel, label_ends
from .style import Look
from .table import Table
from .workloads import METRICS, Row, Workload

_POINTS = 50
_WIDTH = 3.6  # inches
# The first is the fixed capacity, where one ran.
_LOOKS = [
    Look(colour, marker, "-")
    for colour, marker in zip(
        ("#777777", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"), "xosD^vP", strict=True
    )
]
_BETWEEN = 0.2  # inches from the hit ratio to the capacity below it


def sizes(workloads: Sequence[Workload], metric: str, looks: dict[str, Look]) -> list[Panel]:
    """Per policy and capacity at the start: the page hit ratio over time, and the capacity below it. A division that
    changes has a panel of its own, with a line for each tenant."""
    panels = []
    for workload in workloads:
        seed = workload.resized[0]["seed"] if workload.resized else None
        for policy, capacity in dict.fromkeys((row["policy"], row["capacity"]) for row in workload.resized):
            rows = [*workload.rows, *workload.resized]
            rows = [row for row in rows if (row["policy"], row["capacity"], row["seed"]) == (policy, capacity, seed)]
            one = [row for row in rows if row["tenants"] is None]
            title = f"{workload.title}, {policy}, from {numbers.size(capacity, workload.unit)}"
            if len(one) > 1:
                lines = [
                    Line(*(row[name] for name in ("series_pages", "series_hits", "series_capacity"))) for row in one
                ]
                panels.append(_panel(title, dict(zip(_labels(one), lines, strict=True)), workload.unit))
            for row in (row for row in rows if row["tenants"] and row["resizes"]):
                shares = {f"tenant {name}": Line(**own) for name, own in json.loads(row["tenants"]).items()}
                panels.append(_panel(f"{title}, {row['sizing']}", shares, workload.unit))
    return panels


class Line(NamedTuple):
    """One cache over time, window by window."""

    pages: list[int]
    hits: list[int]
    capacity: list[int]


def _panel(title: str, lines: dict[str, Line], unit: str) -> Panel:
    height = 2 * max(HEIGHT * 0.7, len(lines) * LABEL_GAP) + _BETWEEN
    right = LABEL_LEFT * _WIDTH / WIDTH + LABEL_CHARACTER * max(len(numbers.shorten(name)) for name in lines)
    return Panel(title, partial(_draw, lines=lines, unit=unit), width=_WIDTH, height=height, right=right)


def _draw(axes: Axes, *, lines: dict[str, Line], unit: str) -> None:
    figure = axes.figure
    assert isinstance(figure, Figure)
    box, gap = axes.get_position(), _BETWEEN / figure.get_size_inches()[1]
    half = (box.height - gap) / 2
    axes.set_position((box.x0, box.y0 + half + gap, box.width, half))
    below = figure.add_axes((box.x0, box.y0, box.width, half), sharex=axes)
    ratio_ends, size_ends = [], []
    for (label, own), look in zip(lines.items(), itertools.cycle(_LOOKS), strict=False):
        line = look.line() | {"linewidth": 1.1, "markevery": 0.12}
        ratios = _joined(own.hits) / np.maximum(_joined(own.pages), 1)
        done = 100 * (np.arange(len(ratios)) + 0.5) / len(ratios)
        axes.plot(done, ratios, **line)
        ratio_ends.append(End(label, float(done[-1]), float(ratios[-1]), look))
        done = 100 * (np.arange(len(own.capacity)) + 1) / len(own.capacity)
        below.step(done, own.capacity, where="pre", **line)
        size_ends.append(End(label, 100.0, float(own.capacity[-1]), look))
    axes.set_xlim(0, 100)
    axes.tick_params(labelbottom=False)
    axes.set_ylabel(METRICS["hit_ratio"])
    axes.yaxis.set_major_formatter(lambda value, _: numbers.percent(value, 0))
    below.set_ylim(bottom=0)
    below.set_ylabel("capacity" if unit == "bytes" else "capacity, pages")
    below.yaxis.set_major_formatter(lambda value, _: numbers.short_size(value, unit))
    below.set_xlabel("requests replayed, %")
    for each, ends in ((axes, ratio_ends), (below, size_ends)):
        label_ends(each, ends, each.bbox.height / figure.dpi)


def _joined(series: list[int]) -> np.ndarray:
    return np.add.reduceat(series, np.unique(np.arange(_POINTS) * len(series) // _POINTS))


def _labels(rows: Sequence[Row]) -> list[str]:
    """What moves each capacity, without the parameters that all of one name have alike."""
    parts = [(row["sizing"] or "fixed").split(":") for row in rows]
    alike = {name: set.intersection(*(set(own) for other, *own in parts if other == name)) for name, *_ in parts}
    several = Counter(name for name, *_ in parts)
    return [
        ":".join([name, *(pair for pair in own if several[name] > 1 and pair not in alike[name])])
        for name, *own in parts
    ]


def answer(workloads: Sequence[Workload]) -> list[tuple[str, str]]:
    """What became of the capacities that moved, in words, as (of what, text), one for each workload with any."""
    moved = {workload.title: (workload, [row for row in workload.resized if row["resizes"]]) for workload in workloads}
    return [
        (f"{title}, sized by itself", "; ".join(_in_words(workload, row) for row in rows) + ".")
        for title, (workload, rows) in moved.items()
        if rows
    ]


def _in_words(workload: Workload, row: Row) -> str:
    mean, same = row["mean_capacity"], _at(workload, row["policy"], row["mean_capacity"])
    text = f"{row['policy']} by {row['sizing']} hits {numbers.percent(row['hit_ratio'])} with a mean of "
    text += f"{numbers.size(mean, workload.unit)}"
    if same is not None:
        text += f", {numbers.points(row['hit_ratio'] - same)} points beside a fixed cache of that size"
    return text


def table(workload: Workload) -> Table | None:
    """What each sizing came to, beside a fixed cache of its mean capacity; None where no capacity moved.

    The page hit ratio of that one is taken from the line through the fixed capacities that ran; "–" beyond them.
    """
    if not workload.resized:
        return None
    unit = workload.unit
    rows = []
    for row in workload.resized:
        mean = row["mean_capacity"]
        same = _at(workload, row["policy"], mean)
        rows.append(
            [
                f"{row['policy']} sized by {row['sizing']}",
                *(numbers.size(row[name], unit) for name in ("capacity", "mean_capacity", "final_capacity")),
                f"{row['resizes']:,}",
                f"{row['reversals']:,}",
                numbers.percent(row["hit_ratio"]),
                "–" if same is None else numbers.percent(same),
                f"{1000 * row['hits'] / (mean * row['requests']):.3g}",
            ]
        )
    header = [
        *("policy", "from", "mean", "final", "changes", "reversals", "page hit ratio"),
        *("fixed at the mean", "hits per 1,000 requests and " + ("byte" if unit == "bytes" else "page")),
    ]
    return Table(f"{workload.title}: capacities that move or are divided", header, rows)


def _at(workload: Workload, policy: str, capacity: float) -> float | None:
    """The page hit ratio of `policy` in a fixed cache of `capacity`, between those that ran."""
    points = workload.curves("hit_ratio").get(policy, [])
    if not points or not points[0].capacity <= capacity <= points[-1].capacity:
        return None
    return float(np.interp(capacity, [p.capacity for p in points], [p.mean for p in points]))
