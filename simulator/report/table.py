"""Tables of a run: what stands in them, and how they look in a terminal and in Markdown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import polars as pl

from kvreplay.simulator.experiment.store import Results

from . import numbers
from .comparison import IDENTICAL, Comparison
from .findings import Finding
from .workloads import METRICS, Workload


class Table(NamedTuple):
    """A header and rows of text. The first column is words, the others are figures."""

    title: str
    header: list[str]
    rows: list[list[str]]


def ratios(workload: Workload, metric: str) -> Table:
    """`metric` in percent, policies (best first) by capacities; with several seeds the mean and the range, and where it
    is estimated from samples the 95 % interval."""
    curves = workload.curves(metric)
    columns = workload.capacities
    header = [
        "policy",
        *(f"{_figure(c, workload.unit)} ({numbers.share(share)})" for c, share in columns),
    ]
    rows = []
    for policy, points in curves.items():
        at = {point.capacity: point for point in points}
        cells = []
        for capacity, _ in columns:
            point = at.get(capacity)
            cell = "–" if point is None else f"{100 * point.mean:.2f}"
            if point is not None and point.high > point.low:
                cell += f" ({100 * point.low:.2f}–{100 * point.high:.2f})"
            cells.append(cell)
        rows.append([policy, *cells])
    unit = "" if workload.unit == "bytes" else " in pages"
    title = f"{workload.title}: {METRICS[metric]} in %{', with 95 % intervals' if workload.is_sampled else ''}"
    return Table(f"{title}, by capacity{unit} (share of the footprint)", header, rows)


def ways(workload: Workload, metric: str) -> Table | None:
    """The share of the way from LRU to the offline optimum in percent, as `ratios` has them; None where unknown."""
    columns = {c: workload.way(metric, c) for c, _ in workload.capacities}
    rows = [
        [policy, *(f"{round(100 * way[policy], 1) + 0:.1f}" if policy in way else "–" for way in columns.values())]
        for policy in workload.curves(metric)
    ]
    title = f"{workload.title}: {METRICS[metric]}, % of the way from lru to the offline optimum"
    header = ["policy", *(_figure(capacity, workload.unit) for capacity in columns)]
    return Table(title, header, rows) if any(columns.values()) else None


def _figure(capacity: int, unit: str) -> str:
    return numbers.memory(capacity) if unit == "bytes" else f"{capacity:,}"


def best(findings: Sequence[Finding]) -> Table:
    """The best online policy at each capacity, its gain over LRU and the share of the way to the optimum."""
    rows = []
    for finding in findings:
        gain = finding.over_baseline
        half = gain.half_width if gain is not None else None
        rows.append(
            [
                f"{numbers.size(finding.capacity, finding.workload.unit)} ({numbers.share(finding.share)})",
                finding.policy,
                numbers.percent(finding.value),
                "–"
                if gain is None
                else numbers.points(gain.difference) + (f" ± {100 * half:.2f}" if half is not None else ""),
                "–" if gain is None else gain.verdict,
                "–" if finding.closed is None else numbers.percent(finding.closed, 0),
                numbers.listed(finding.as_good) if finding.as_good else "–",
            ]
        )
    header = [
        "capacity",
        "best policy",
        "ratio",
        "over lru, points",
        "verdict",
        "of the way to the optimum",
        "within its noise",
    ]
    return Table("Best online policy at each size", header, rows)


def speed(results: Results) -> Table | None:
    """Measured replay speed per policy, the median over cells and its range; None where nothing was timed."""
    joined = results.rows.select("cell", "policy").join(results.timings, on="cell")
    figures = (
        joined.filter(pl.col("pages_per_second").is_finite())
        .group_by("policy")
        .agg(
            pl.col("pages_per_second").median().alias("median"),
            pl.col("pages_per_second").min().alias("low"),
            pl.col("pages_per_second").max().alias("high"),
        )
    )
    if figures.is_empty():
        return None
    rows = [
        [policy, *(f"{value / 1e6:.3g}" for value in (median, low, high))]
        for policy, median, low, high in figures.sort("median", descending=True).iter_rows()
    ]
    return Table(
        "Replay speed, million pages/s of one thread (measured)",
        ["policy", "median", "slowest", "fastest"],
        rows,
    )


def counters(workload: Workload) -> list[Table]:
    """What each policy that keeps counters of its own tells, by capacity and seed: when `adaptive` switched, say."""
    told: dict[str, list[list[str]]] = {}
    headers: dict[str, list[str]] = {}
    for row in workload.rows:
        stats = json.loads(row["policy_stats"] or "{}")
        if stats:
            headers.setdefault(row["policy"], ["capacity", "seed", *(name.replace("_", " ") for name in stats)])
            cell = [_figure(row["capacity"], workload.unit), str(row["seed"]), *map(_counter, stats.values())]
            told.setdefault(row["policy"], []).append(cell)
    return [Table(f"{workload.title}: what {policy} counted", headers[policy], rows) for policy, rows in told.items()]


def _counter(value: Any) -> str:
    if isinstance(value, list):
        shown = [_counter(item) for item in value[:3]]
        return ", ".join([*shown, "…"] if len(value) > 3 else shown) or "–"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def differences(comparison: Comparison, metric: str) -> Table:
    """The differences in `metric` that are not identical, with their intervals and verdicts."""
    shown = [d for d in comparison.differences if d.metric == metric and d.verdict != IDENTICAL]
    counts = comparison.counts(metric)
    tally = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    rows = [
        [
            f"{d.trace} ({d.reading})",
            numbers.size(d.capacity, d.capacity_unit),
            d.policy_a if d.policy_a == d.policy_b else f"{d.policy_a} → {d.policy_b}",
            f"{100 * d.a:.3f}",
            f"{100 * d.b:.3f}",
            numbers.points(d.difference, 3),
            "–" if d.half_width is None else f"± {100 * d.half_width:.3f}",
            d.basis or "–",
            d.verdict,
        ]
        for d in shown
    ]
    header = [
        "workload",
        "capacity",
        "policy",
        "first, %",
        "second, %",
        "points",
        "95 %",
        "taken over",
        "second is",
    ]
    return Table(f"{METRICS[metric]}: {tally}", header, rows)


def as_text(table: Table) -> str:
    """For a terminal: columns aligned, figures to the right."""
    if not table.rows:
        return table.title
    lines = [table.header, *table.rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(table.header))]
    text = [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    return "\n".join([table.title, text[0], "-" * len(text[0]), *text[1:]])


def as_markdown(table: Table) -> str:
    """A Markdown table; pipes and line ends within cells are escaped."""
    lines = [table.header, ["---", *("---:" for _ in table.header[1:])], *table.rows]
    return "\n".join(f"| {' | '.join(map(escape, line))} |" for line in lines)


def escape(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
