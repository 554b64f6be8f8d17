"""Capacities that move or are divided: over time, beside what hits, and what each cost."""

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
from matplotlib.ticker import MultipleLocator

from . import numbers
from .figure import HEIGHT, LABEL_CHARACTER, LABEL_GAP, LABEL_LEFT, WIDTH, End, Panel, label_ends
from .style import Look
from .table import Table
from .workloads import METRICS, Row, Workload, divides_memory

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
            one = [row for row in rows if row["parts"] is None]
            title = f"{workload.title}, {policy}, from {numbers.size(capacity, workload.unit)}"
            if len(one) > 1:
                lines = [
                    Line(*(row[name] for name in ("series_pages", "series_hits", "series_capacity"))) for row in one
                ]
                lined = dict(zip(_labels(one), lines, strict=True))
                panels.append(_panel(title, lined, workload.unit, METRICS["hit_ratio"]))
            for row in (row for row in rows if row["parts"] and row["resizes"]):
                told = {_part(name, row): Line(**own) for name, own in json.loads(row["parts"]).items()}
                ratio = "tokens spared" if divides_memory(row) else METRICS["hit_ratio"]
                panels.append(_panel(f"{row['sizing']}, {title}", told, workload.unit, ratio))
    return panels


class Line(NamedTuple):
    """One cache over time, window by window: page accesses, or tokens asked for, and how many of them hit."""

    accesses: list[int]
    hits: list[int]
    capacity: list[int]


def _part(name: str, row: Row) -> str:
    """A part of a budget, where it answers by similarity with how often it is right."""
    return f"{name}, {numbers.percent(row['semantic_precision'], 0)} right" if name == "semantic" else name


def _panel(title: str, lines: dict[str, Line], unit: str, ratio: str) -> Panel:
    height = 2 * max(HEIGHT * 0.7, len(lines) * LABEL_GAP) + _BETWEEN
    right = LABEL_LEFT * _WIDTH / WIDTH + LABEL_CHARACTER * max(map(len, numbers.shorten(lines)))
    return Panel(title, partial(_draw, lines=lines, unit=unit, ratio=ratio), width=_WIDTH, height=height, right=right)


def _draw(axes: Axes, *, lines: dict[str, Line], unit: str, ratio: str) -> None:
    figure = axes.figure
    assert isinstance(figure, Figure)
    box, gap = axes.get_position(), _BETWEEN / figure.get_size_inches()[1]
    half = (box.height - gap) / 2
    axes.set_position((box.x0, box.y0 + half + gap, box.width, half))
    below = figure.add_axes((box.x0, box.y0, box.width, half), sharex=axes)
    ratio_ends, size_ends = [], []
    for (label, own), look in zip(lines.items(), itertools.cycle(_LOOKS), strict=False):
        line = look.line() | {"linewidth": 1.1, "markevery": 0.12}
        ratios = _joined(own.hits) / np.maximum(_joined(own.accesses), 1)
        done = 100 * (np.arange(len(ratios)) + 0.5) / len(ratios)
        axes.plot(done, ratios, **line)
        ratio_ends.append(End(label, float(done[-1]), float(ratios[-1]), look))
        done = 100 * (np.arange(len(own.capacity)) + 1) / len(own.capacity)
        below.step(done, own.capacity, where="pre", **line)
        size_ends.append(End(label, 100.0, float(own.capacity[-1]), look))
    axes.set_xlim(0, 100)
    axes.tick_params(labelbottom=False)
    axes.set_ylabel(ratio)
    axes.yaxis.set_major_formatter(lambda value, _: numbers.tick(value))
    below.set_ylim(bottom=0)
    below.set_ylabel("capacity" if unit == "bytes" else "capacity, pages")
    below.yaxis.set_major_formatter(lambda value, _: numbers.short_size(value, unit))
    if unit == "bytes":
        below.yaxis.set_major_locator(MultipleLocator(2.0 ** round(np.log2(below.get_ylim()[1] / 4))))
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
    answers = []
    for workload in workloads:
        rows = [row for row in workload.resized if row["resizes"]]
        told = [_in_words(workload, row) for row in rows if not divides_memory(row)]
        told += [_of_budget(workload, row) for row in rows if divides_memory(row)]
        if told:
            answers.append((f"{workload.title}, sized by itself", "; ".join(told) + "."))
    return answers


def _in_words(workload: Workload, row: Row) -> str:
    mean, same = row["mean_capacity"], _at(workload, row["policy"], row["mean_capacity"])
    text = f"{row['policy']} by {row['sizing']} hits {numbers.percent(row['hit_ratio'])} with a mean of "
    text += f"{numbers.size(mean, workload.unit)}"
    if same is not None:
        text += f", {numbers.points(row['hit_ratio'] - same)} points beside a fixed cache of that size"
    still = [other["hit_ratio"] for other in _for_good(workload, row)]
    return text + (f", the best of {len(still)} divisions for good {numbers.percent(max(still))}" if still else "")


def _of_budget(workload: Workload, row: Row) -> str:
    """What dividing a budget among tiers and pages anew spared, beside the best division for good that ran."""
    still = _for_good(workload, row)
    text = f"{row['policy']} by {row['sizing']} spares {_spared_in_words(row)}"
    if still:
        best = max(still, key=lambda other: sum(_spared(other).values()))
        text += f", the best of {len(still)} divisions for good {_spared_in_words(best)}"
    return text


def _spared_in_words(row: Row) -> str:
    right = row["answered_precision"]
    judged = "" if right is None else f" ({numbers.percent(right)} of its answers are right)"
    return f"{numbers.percent(sum(_spared(row).values()))} of all tokens{judged}"


def _for_good(workload: Workload, row: Row) -> list[Row]:
    """The divisions that stayed as they were of what `row` divides anew."""
    alike = ("policy", "capacity", "seed")
    return [
        other
        for other in workload.resized
        if (row["parts"] and other["parts"] and not other["resizes"])
        and divides_memory(other) == divides_memory(row)
        and all(other[name] == row[name] for name in alike)
    ]


def _spared(row: Row) -> dict[str, float]:
    """By part the share of all tokens, of prompts and answers, that it spared."""
    parts = json.loads(row["parts"])
    return {name: sum(own["hits"]) / max(sum(own["accesses"]), 1) for name, own in parts.items()}


def tables(workload: Workload) -> list[Table]:
    """What each sizing came to; none where no capacity moved or was divided."""
    tiers = [row for row in workload.resized if divides_memory(row)]
    others = [row for row in workload.resized if not divides_memory(row)]
    return [make(workload, rows) for make, rows in ((_capacities, others), (_budgets, tiers)) if rows]


def _budgets(workload: Workload, divided: list[Row]) -> Table:
    """A line for each division among tiers and pages, from what spares most to what spares least."""
    names = list(json.loads(divided[0]["parts"]))
    rows = []
    for row in sorted(divided, key=lambda row: -sum(_spared(row).values())):
        parts, spared = json.loads(row["parts"]), _spared(row)
        rows.append(
            [
                f"{row['policy']} sized by {row['sizing']}",
                numbers.size(row["capacity"], workload.unit),
                numbers.percent(sum(spared.values())),
                *(numbers.percent(spared[name]) for name in names),
                *_false_hits(row),
                *(numbers.percent(np.mean(parts[name]["capacity"]) / row["capacity"], 0) for name in names),
                f"{row['resizes']:,}",
                f"{row['reversals']:,}",
            ]
        )
    header = ["policy", "budget", "tokens spared", *(f"by {name}" for name in names), "false hits", "answers right"]
    header += [*(f"mean share of {name}" for name in names), "changes", "reversals"]
    return Table(f"{workload.title}: memory divided among answers and pages (modelled)", header, rows)


def _false_hits(row: Row) -> tuple[str, str]:
    """How many requests were answered wrongly, and the share of the judged answers that was right."""
    false = sum(row[f"{tier}_false_hits"] or 0 for tier in ("exact", "semantic"))
    precision = row["answered_precision"]
    return f"{false:,}", "–" if precision is None else numbers.percent(precision)


def _capacities(workload: Workload, resized: list[Row]) -> Table:
    """A line for each sizing, beside a fixed cache of its mean capacity.

    The page hit ratio of that one is taken from the line through the fixed capacities that ran; "–" beyond them.
    """
    unit = workload.unit
    rows = []
    for row in resized:
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
