"""True hits of semantic caches beside their false ones: what more answers cost, however a threshold was found."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from matplotlib.axes import Axes

from . import numbers
from .figure import HEIGHT, LABEL_CHARACTER, LABEL_GAP, LABEL_LEFT, End, Panel, label_ends
from .stacks import fronts, is_set, name_of, parts_of
from .style import Look, distinct_looks
from .workloads import Row, Workload, is_number


class Tradeoff(NamedTuple):
    """What a semantic cache came to, the mean over seeds: hits in shares of the requests that met the stack."""

    false_hits: float
    true_hits: float
    precision: float  # of the hits that could be judged
    threshold: float | None  # the last one where it moves
    rows: list[Row]


def tradeoffs(rows: Iterable[Row]) -> dict[tuple[str, str], dict[str, list[Tradeoff]]]:
    """Per trace and embedder true hits beside false hits: a line for each stack but for its threshold, and a point for
    each rule that finds one. Lines are in order of the threshold."""
    grouped: dict[tuple[str, str], dict[tuple[str, ...], dict[float, list[Row]]]] = {}
    for row in fronts(rows):
        if is_number(row["semantic_precision"]):
            lines = grouped.setdefault((row["trace"], row["semantic_embedder"]), {})
            # What moves a threshold is among the parameters of the stack already.
            named = is_set(row) or row["semantic_rule"].startswith("moving:")
            points = lines.setdefault((*parts_of(row), *(() if named else (f"semantic {row['semantic_rule']}",))), {})
            points.setdefault(row["semantic_threshold"] if is_set(row) else 0.0, []).append(row)
    return {
        of: {
            name_of(parts, list(lines)) or "set thresholds": [
                _tradeoff(points[threshold]) for threshold in sorted(points)
            ]
            for parts, points in lines.items()
        }
        for of, lines in grouped.items()
    }


def _tradeoff(rows: list[Row]) -> Tradeoff:
    false, true = (
        sum(row[f"semantic_{kind}_hits"] / row["asked"] for row in rows) / len(rows) for kind in ("false", "true")
    )
    thresholds = [row["semantic_threshold"] for row in rows if row["semantic_threshold"] is not None]
    return Tradeoff(
        false,
        true,
        sum(row["semantic_precision"] for row in rows) / len(rows),
        sum(thresholds) / len(thresholds) if thresholds else None,
        rows,
    )


def panels(workloads: Sequence[Workload], metric: str, looks: dict[str, Look]) -> list[Panel]:
    """A panel for each trace and embedder that has more than one point."""
    found = tradeoffs(row for workload in workloads for row in (*workload.rows, *workload.resized))
    shown = {of: lines for of, lines in found.items() if sum(map(len, lines.values())) > 1}
    several = len({trace for trace, _ in shown}) > 1
    return [
        Panel(
            f"{trace}, {embedder}" if several else embedder,
            partial(_draw, lines=lines),
            height=max(HEIGHT, len(lines) * LABEL_GAP),
            right=LABEL_LEFT + LABEL_CHARACTER * max(map(len, numbers.shorten(lines))),
        )
        for (trace, embedder), lines in shown.items()
    ]


def _draw(axes: Axes, *, lines: dict[str, list[Tradeoff]]) -> None:
    looks = distinct_looks(lines)
    ends = []
    for name, points in lines.items():
        axes.plot([p.false_hits for p in points], [p.true_hits for p in points], **looks[name].line())
        most = max(points, key=lambda point: point.false_hits)
        ends.append(End(name, most.false_hits, most.true_hits, looks[name]))
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    axes.set_xlabel("false hits")
    axes.set_ylabel("true hits")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda share, _: numbers.tick(share))
    label_ends(axes, ends, axes.bbox.height / axes.figure.dpi)
