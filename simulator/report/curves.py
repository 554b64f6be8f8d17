"""Whole curves of one trace, as `kvreplay curve` shows them: page hit ratio by capacity, a line per policy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kvreplay.simulator.replay import Curve

from .figure import compose
from .plots import by_capacity
from .style import looks
from .table import Table, ratios
from .workloads import Row, Workload, policies

_POINTS = 400  # of LRU's line: more cannot be seen
_COLUMNS = 6  # of a table: more do not fit a terminal


def draw(rows: Sequence[Row], lru: Curve | None = None) -> Figure:
    """The curves of `rows`, from `curve_rows`; a band is a 95 % interval. `lru` is drawn at every size."""
    workload = _workload(rows)
    colours = looks(policies([workload]))
    (panel,) = by_capacity([workload], "hit_ratio", colours)

    def with_lru(axes: Axes) -> None:
        panel.draw(axes)
        if lru is not None:
            at = np.unique(np.geomspace(1, len(lru.capacity), _POINTS).astype(np.int64)) - 1
            axes.plot(lru.capacity[at], lru.hit_ratio[at], color=colours["lru"].colour, linewidth=1)

    estimated = any(row["half_width"] is not None for row in rows)
    title = "page hit ratio, estimated: bands are 95 % intervals" if estimated else "page hit ratio against capacity"
    return compose([panel._replace(draw=with_lru)], title)


def table(rows: Sequence[Row]) -> Table:
    """Policies by a few of the capacities, best first; with 95 % intervals where the ratio is estimated."""
    every = sorted({row["capacity"] for row in rows})
    shown = {every[k] for k in np.linspace(0, len(every) - 1, min(_COLUMNS, len(every))).round().astype(int)}
    return ratios(_workload([row for row in rows if row["capacity"] in shown]), "hit_ratio")


def _workload(rows: Sequence[Row]) -> Workload:
    first = rows[0]
    name = first["trace"].partition(":")[0]
    known = [row | {"footprint": round(row["capacity"] / row["capacity_share"])} for row in rows]
    return Workload(first["trace"], first["reading"], first["capacity_unit"], known, [], name)
