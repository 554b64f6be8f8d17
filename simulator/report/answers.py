"""What the caches of whole answers in front of the pages came to: never a hit without what was false of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from . import numbers
from .figure import LABEL_CHARACTER, LABEL_GAP, LABEL_LEFT, End, Panel, label_ends
from .stacks import fronts, is_set, name_of, parts_of
from .style import Look, distinct_looks
from .table import Table
from .workloads import Row, Workload, divides_memory, is_number

_PRECISION = 0.95  # what a stack must reach to be named the best
_BETWEEN = 0.14  # inches between the three plots of a panel
_HEIGHT = 1.25  # of each, at least

# What a panel shows from top to bottom, as (label, value of a row); the last is no share of the requests.
_SHOWN = {
    "true hits": lambda row: row["semantic_true_hits"] / row["asked"],
    "false hits": lambda row: row["semantic_false_hits"] / row["asked"],
    "precision": lambda row: row["semantic_precision"],
}


def answer(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """The best stack of each trace in words, as (of what, text): of those that are right often enough the one that is
    right most often. What became of divided memory is told by `sizes.answer`."""
    by_trace: dict[str, list[Row]] = defaultdict(list)
    for row in fronts(row for row in rows if not divides_memory(row)):
        by_trace[row["trace"]].append(row)
    what = "Answered in front of the pages"
    return [(what if len(by_trace) == 1 else f"{what}, {trace}", _best(own)) for trace, own in by_trace.items()]


def _best(rows: list[Row]) -> str:
    judged = [row for row in rows if is_number(row["answered_precision"])]
    if not judged:
        return "no answer could be judged: the trace knows no intents, or nothing hit."
    good = [row for row in judged if row["answered_precision"] >= _PRECISION]
    best = max(good or judged, key=lambda row: (_true(row) if good else row["answered_precision"], _true(row)))
    of = f" Of {len(rows)} stacks" if len(rows) > 1 else ""
    floor = numbers.percent(_PRECISION, 0)
    which = f"{of} it has the most true hits at a precision of {floor} or more." if good and of else ""
    if not good:
        which = f"{of or ' It'} {'none reaches' if of else 'does not reach'} a precision of {floor}."
    return (
        f"{_named(best)} answers {numbers.percent(_true(best))} of the requests rightly and "
        f"{numbers.percent(_false(best))} wrongly: precision {numbers.percent(best['answered_precision'])}.{which}"
    )


def _true(row: Row) -> float:
    return ((row["exact_true_hits"] or 0) + (row["semantic_true_hits"] or 0)) / row["asked"]


def _false(row: Row) -> float:
    return ((row["exact_false_hits"] or 0) + (row["semantic_false_hits"] or 0)) / row["asked"]


def _unjudged(row: Row) -> int:
    """Requests answered by the exact cache or met by the semantic one of which nobody knows whether that was right."""
    exact = (row["exact_hits"] or 0) - (row["exact_true_hits"] or 0) - (row["exact_false_hits"] or 0)
    return exact + (row["semantic_unjudged"] or 0)


def table(rows: Iterable[Row]) -> Table | None:
    """A line per front, in percent of the requests that met the stack; None without a stack."""
    rows = fronts(rows)
    if not rows:
        return None
    several = len({row["trace"] for row in rows}) > 1
    guarded = any(row["semantic_guard_lost"] is not None for row in rows)
    cells = [
        [
            f"{row['trace']}: {_named(row)}" if several else _named(row),
            _share(row, "answered"),
            _percent(row["answered_precision"]),
            *(_share(row, f"exact_{name}") for name in ("true_hits", "false_hits")),
            *(_share(row, f"semantic_{name}") for name in ("true_hits", "false_hits")),
            _percent(row["semantic_precision"]),
            _share(row, "semantic_missed_chances"),
            f"{100 * _unjudged(row) / row['asked']:.2f}",
            *((_share(row, f"semantic_guard_{name}") for name in ("lost", "avoided")) if guarded else ()),
            _threshold(row),
            _percent(row["semantic_recall_at_1"]),
        ]
        for row in rows
    ]
    header = [
        *("stack", "answered", "precision", "exact: true", "false", "semantic: true", "false", "precision"),
        *("missed chances", "unjudged"),
        *(("guard: true lost", "false avoided") if guarded else ()),
        *("threshold", "recall@1"),
    ]
    return Table("Answered in front of the pages, % of the requests that met the stack", header, cells)


def _named(row: Row) -> str:
    stack = f"{row['stack']} by {row['sizing']}" if divides_memory(row) else row["stack"]
    return stack + (f", after a warm-up of {numbers.share(row['warmup'])}" if row["warmup"] else "")


def _threshold(row: Row) -> str:
    """The cosine, the last one where it moves; of a calibrated one also the least precision that it is sure of."""
    if row["semantic_threshold"] is None:
        return "–"
    limit = row["semantic_precision_limit"]
    sure = "" if limit is None else f" (precision at least {numbers.percent(limit)})"
    return f"{row['semantic_threshold']:.2f}{sure}"


def _share(row: Row, name: str) -> str:
    return "–" if row[name] is None else f"{100 * row[name] / row['asked']:.2f}"


def _percent(ratio: float | None) -> str:
    return f"{100 * ratio:.2f}" if ratio is not None and is_number(ratio) else "–"


def panels(workloads: Sequence[Workload], metric: str, looks: dict[str, Look]) -> list[Panel]:
    """Per trace and embedder true hits, false hits and precision against the threshold, a line for each stack but for
    its threshold. Every panel has the same axes, so that embedders compare; their thresholds do not."""
    grouped: dict[tuple[str, str], dict[tuple[str, ...], list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in fronts(row for workload in workloads for row in (*workload.rows, *workload.resized)):
        if is_set(row):
            grouped[row["trace"], row["semantic_embedder"]][parts_of(row)].append(row)
    drawn = {
        of: lines
        for of, lines in grouped.items()
        if len({r["semantic_threshold"] for rows in lines.values() for r in rows}) > 1
    }
    if not drawn:
        return []
    every = [parts for lines in drawn.values() for parts in lines]
    names = {parts: name_of(parts, every) or "semantic" for parts in every}
    line_looks = distinct_looks(names.values())
    shown = [row for lines in drawn.values() for rows in lines.values() for row in rows]
    limits = {name: _limits([value(row) for row in shown], name) for name, value in _SHOWN.items()}
    height = 3 * max(_HEIGHT, (len(set(names.values())) + 1) * LABEL_GAP) + 2 * _BETWEEN
    right = LABEL_LEFT + LABEL_CHARACTER * max(map(len, names.values()))
    several = len({trace for trace, _ in drawn}) > 1
    return [
        Panel(
            f"{trace}, {embedder}" if several else embedder,
            partial(
                _draw, lines={names[parts]: rows for parts, rows in lines.items()}, limits=limits, looks=line_looks
            ),
            height=height,
            right=right,
        )
        for (trace, embedder), lines in drawn.items()
    ]


def _limits(values: list[float | None], name: str) -> tuple[float, float]:
    known = [value for value in values if value is not None]
    low = min(known, default=0.0) if name == "precision" else 0.0
    high = 1.0 if name == "precision" else max(known, default=1.0)
    room = 0.06 * (high - low) or 0.01
    return low - room, high + room


def _draw(
    axes: Axes, *, lines: dict[str, list[Row]], limits: dict[str, tuple[float, float]], looks: dict[str, Look]
) -> None:
    figure = axes.figure
    assert isinstance(figure, Figure)
    box, gap = axes.get_position(), _BETWEEN / figure.get_size_inches()[1]
    height = (box.height - 2 * gap) / 3
    axes.set_position((box.x0, box.y1 - height, box.width, height))
    plots = [axes] + [
        figure.add_axes((box.x0, box.y1 - height - n * (height + gap), box.width, height), sharex=axes) for n in (1, 2)
    ]
    for plot, (name, value) in zip(plots, _SHOWN.items(), strict=True):
        ends = []
        for label, rows in lines.items():
            points = _points(rows, value)
            if points:
                thresholds, low, mean, high = (np.array(column) for column in zip(*points, strict=True))
                plot.plot(thresholds, mean, **looks[label].line())
                plot.fill_between(thresholds, low, high, color=looks[label].colour, alpha=0.2, linewidth=0)
                ends.append(End(label, float(thresholds[-1]), float(mean[-1]), looks[label]))
        plot.set_ylim(limits[name])
        plot.set_ylabel(name)
        plot.yaxis.set_major_formatter(lambda share, _: numbers.tick(share))
        plot.tick_params(labelbottom=plot is plots[-1])
        if plot is axes:
            label_ends(plot, ends, plot.bbox.height / figure.dpi)
    plots[-1].set_xlabel("threshold, cosine")


def _points(rows: list[Row], value) -> list[tuple[float, float, float, float]]:
    """(threshold, lowest, mean, highest) over seeds, in order; thresholds without a value are left out."""
    known: dict[float, list[float]] = defaultdict(list)
    for row in rows:
        if (found := value(row)) is not None:
            known[row["semantic_threshold"]].append(found)
    return [(t, min(v), sum(v) / len(v), max(v)) for t, v in sorted(known.items())]
