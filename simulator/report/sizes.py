"""Caches that size themselves: their capacity over time beside their page hit ratio, and what each cost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import numbers
from .figure import HEIGHT, LABEL_CHARACTER, LABEL_GAP, LABEL_LEFT, End, Panel, label_ends
from .style import Look
from .style import looks as looks_of
from .table import Table
from .workloads import METRICS, Row, Workload

_POINTS = 50
_BETWEEN = 0.2  # inches from the hit ratio to the capacity below it


def sizes(workloads: Sequence[Workload], metric: str, looks: dict[str, Look]) -> list[Panel]:
    """Per policy and capacity at the start: the page hit ratio over time, and the capacity below it."""
    panels = []
    for workload in workloads:
        for policy, capacity in dict.fromkeys((row["policy"], row["capacity"]) for row in workload.resized):
            rows = [*workload.rows, *workload.resized]
            rows = [row for row in rows if (row["policy"], row["capacity"], row["seed"]) == (policy, capacity, 0)]
            title = f"{workload.title}, {policy}, from {numbers.size(capacity, workload.unit)}"
            labels = [numbers.shorten(_label(row)) for row in rows]
            height = 2 * max(HEIGHT * 0.7, len(rows) * LABEL_GAP) + _BETWEEN
            right = LABEL_LEFT + LABEL_CHARACTER * max(map(len, labels))
            draw = partial(_draw, rows=rows, unit=workload.unit)
            panels.append(Panel(title, draw, width=3.6, height=height, right=right))
    return panels


def _draw(axes: Axes, *, rows: list[Row], unit: str) -> None:
    figure = axes.figure
    assert isinstance(figure, Figure)
    box, gap = axes.get_position(), _BETWEEN / figure.get_size_inches()[1]
    half = (box.height - gap) / 2
    axes.set_position((box.x0, box.y0 + half + gap, box.width, half))
    below = figure.add_axes((box.x0, box.y0, box.width, half), sharex=axes)
    looks = looks_of(map(_label, rows))
    ratio_ends, size_ends = [], []
    for row in rows:
        label = _label(row)
        line = looks[label].line() | {"linewidth": 1.1, "markevery": 0.12}
        pages, hits = (_joined(row[name]) for name in ("series_pages", "series_hits"))
        ratios = hits / np.maximum(pages, 1)
        done = 100 * (np.arange(len(ratios)) + 0.5) / len(ratios)
        axes.plot(done, ratios, **line)
        ratio_ends.append(End(label, float(done[-1]), float(ratios[-1]), looks[label]))
        capacities = row["series_capacity"]
        done = 100 * (np.arange(len(capacities)) + 1) / len(capacities)
        below.step(done, capacities, where="pre", **line)
        size_ends.append(End(label, 100.0, float(capacities[-1]), looks[label]))
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


def _label(row: Row) -> str:
    return row["sizing"] or "fixed"


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
    return Table(f"{workload.title}: caches that size themselves", header, rows)


def _at(workload: Workload, policy: str, capacity: float) -> float | None:
    """The page hit ratio of `policy` in a fixed cache of `capacity`, between those that ran."""
    points = workload.curves("hit_ratio").get(policy, [])
    if not points or not points[0].capacity <= capacity <= points[-1].capacity:
        return None
    return float(np.interp(capacity, [p.capacity for p in points], [p.mean for p in points]))
