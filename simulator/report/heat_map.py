"""The heat map of a report: how far each policy gets, on each workload, from LRU towards the offline optimum."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from kvreplay.simulator.headroom import BASELINE, OPTIMA

from . import numbers
from .figure import LABEL_CHARACTER, Panel
from .style import Look
from .workloads import METRICS, Workload


def heat_map(workloads: Sequence[Workload], metric: str, looks: dict[str, Look]) -> list[Panel]:
    """Policies by workloads in one panel; by capacities where there is one workload.

    A field is the share of the way from LRU to the offline optimum: the gains of all capacities summed, divided by the
    sum of the gaps. Workloads without the two are left out; where all are, a field is the mean of `metric` itself.
    """
    bounded = [w for w in workloads if _closed(w, metric, {c for c, _ in w.capacities})]
    shown = bounded or workloads
    if len(shown) == 1:
        columns = [
            (f"{numbers.short_size(capacity, shown[0].unit)}\n{numbers.share(share)}", shown[0], {capacity})
            for capacity, share in shown[0].capacities
        ]
    else:
        columns = [(_column_name(w, shown), w, {c for c, _ in w.capacities}) for w in shown]
    field = _closed if bounded else _mean
    values: list[dict[str, float]] = [field(w, metric, capacities) for _, w, capacities in columns]
    bounds = (BASELINE, *OPTIMA) if bounded else ()
    ran = [p for p in looks if any(p in column for column in values) and p not in bounds]
    if not ran:
        return []
    ran.sort(key=lambda p: -float(np.mean([column[p] for column in values if p in column])))
    if bounded:
        title = "LRU = 0 %, offline optimum = 100 %"
    else:
        title = METRICS[metric] + (", mean over capacities" if len(shown) > 1 else "")
    if len(shown) == 1:
        title += f", {shown[0].title}"
    names = [name for name, _, _ in columns]
    draw = partial(_heat_map, policies=ran, names=names, values=values, relative=bool(bounded))
    lines = max(name.count("\n") + 1 for name, _, _ in columns)
    left = 0.2 + LABEL_CHARACTER * max(map(len, numbers.shorten(ran)))
    width, height, top = 1.0 * len(columns), 0.3 * len(ran), 0.6 + 0.16 * lines
    return [Panel(title, draw, width, height, left=left, right=0.1, top=top, bottom=0.15)]


def _column_name(workload: Workload, workloads: Sequence[Workload]) -> str:
    """The trace, and what tells it from another workload of the same trace."""
    alike = len({(w.reading, w.unit) for w in workloads}) == 1
    tail = [] if alike else [workload.reading, *(["bytes"] if workload.unit == "bytes" else [])]
    # Names also break behind these signs, which textwrap takes for letters: a space there, and a mark at real spaces.
    words = re.sub("([:_=])", r"\1 ", workload.name.replace(" ", "\0 "))
    wrapped = textwrap.wrap(words, 13, max_lines=3, placeholder="…")
    lines = [line.replace(" ", "").replace("\0", " ").strip() for line in wrapped]
    return "\n".join(lines + tail)


def _closed(workload: Workload, metric: str, capacities: set[int]) -> dict[str, float]:
    """Per policy the share of the way from LRU to the offline optimum, over `capacities` together, where known."""
    curves = {policy: {p.capacity: p.mean for p in curve} for policy, curve in workload.curves(metric).items()}
    best, base = workload.optimum(metric), curves.get(BASELINE, {})
    shares = {}
    for policy, curve in curves.items():
        common = sorted(capacities & curve.keys() & base.keys() & best.keys())
        gap = sum(best[c] - base[c] for c in common)
        if gap > 0:
            shares[policy] = sum(curve[c] - base[c] for c in common) / gap
    return shares


def _mean(workload: Workload, metric: str, capacities: set[int]) -> dict[str, float]:
    means = {}
    for policy, curve in workload.curves(metric).items():
        values = [point.mean for point in curve if point.capacity in capacities]
        if values:
            means[policy] = float(np.mean(values))
    return means


def _heat_map(
    axes: Axes, *, policies: list[str], names: list[str], values: list[dict[str, float]], relative: bool
) -> None:
    grid = np.array([[column.get(policy, np.nan) for column in values] for policy in policies])
    # Purple is better than LRU, orange worse; both print as grey that darkens with distance.
    axes.pcolormesh(
        grid,
        cmap="PuOr" if relative else "Blues",
        vmin=-1 if relative else 0,
        vmax=1,
        edgecolors="white",
        linewidth=1.5,
    )
    axes.invert_yaxis()
    axes.grid(False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row, column in np.ndindex(*grid.shape):
        value = float(grid[row, column])
        dark = abs(value) > 0.65
        text = "–" if np.isnan(value) else numbers.percent(value, 0)
        axes.text(
            column + 0.5,
            row + 0.5,
            text,
            ha="center",
            va="center",
            color="white" if dark else "black",
            fontsize=9,
        )
    axes.set_yticks(np.arange(len(policies)) + 0.5, numbers.shorten(policies))
    axes.xaxis.tick_top()
    axes.set_xticks(np.arange(len(names)) + 0.5, names, fontsize=9)
