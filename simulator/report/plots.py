"""The pictures of a report, a function each: they turn workloads into panels; `figure` turns those into files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from . import answers, numbers, places, servers, tradeoffs
from .figure import HEIGHT, LABEL_CHARACTER, LABEL_GAP, LABEL_LEFT, WIDTH, End, Panel, label_ends
from .findings import is_online
from .heat_map import heat_map
from .sizes import sizes
from .style import HEADROOM, INFINITE, Look
from .style import looks as looks_of
from .workloads import METRICS, Point, Workload, about_pages, is_number, policies

_POINTS_OVER_TIME = 25
_TWO_AXES = 0.9  # inches above a panel with a second axis


def by_capacity(workloads: Sequence[Workload], metric: str, looks: dict[str, Look]) -> list[Panel]:
    """`metric` against capacity, per policy, between what LRU and its like reach and what nothing can pass."""
    draw = partial(_by_capacity, metric=metric, looks=looks)
    return [_panel(w, w.title, draw, top=_TWO_AXES) for w in workloads if w.curves(metric)]


def over_time(workloads: Sequence[Workload], metric: str, looks: dict[str, Look]) -> list[Panel]:
    """The page hit ratio over the course of the trace, at its middle capacity. No other metric has a series."""
    panels = []
    for workload in workloads:
        if not workload.capacities:
            continue
        capacity, share = workload.capacities[len(workload.capacities) // 2]
        title = f"{workload.title}, {numbers.size(capacity, workload.unit)} ({numbers.share(share)})"
        if any(_series(workload, policy, capacity) is not None for policy in looks):
            panels.append(_panel(workload, title, partial(_over_time, capacity=capacity, looks=looks)))
    return panels


def memory(workloads: Sequence[Workload], metric: str, looks: dict[str, Look]) -> list[Panel]:
    """The memory that was in use at most, against the `metric` it bought."""
    draw = partial(_memory, metric=metric, looks=looks)
    return [_panel(w, w.title, draw, left=1.0) for w in workloads if _memory_points(w, metric)]


FIGURES: dict[str, tuple[str, Callable[[Sequence[Workload], str, dict[str, Look]], list[Panel]]]] = {
    "capacity": ("{metric} against capacity", by_capacity),
    "heat-map": ("{metric}: policies and workloads", heat_map),
    "time": ("page hit ratio over time", over_time),
    "memory": ("memory against {metric}", memory),
    "size": ("capacity over time, beside what hits", sizes),
    "answers": ("semantic cache: true hits, false hits and precision against the threshold", answers.panels),
    "false-hits": ("semantic cache: true hits against false hits", tradeoffs.panels),
    "load": ("throughput and time to the first token against the offered load", servers.load_panels),
    "latency": ("latencies", servers.latency_panels),
    "ttft": ("time to the first token against what is not computed again", servers.hit_panels),
    "places": ("where servers found prompt tokens", places.panels),
    "replicas": ("throughput against the number of replicas", servers.scale_panels),
}


# Those that take rows from where they are, and show no chosen ratio.
OF_ROWS = ("answers", "false-hits", "load", "latency", "ttft", "places", "replicas")


def panels(kind: str, workloads: Sequence[Workload], metric: str) -> list[Panel]:
    """The panels of one of FIGURES."""
    _, panels_of = FIGURES[kind]
    shown = workloads if kind in OF_ROWS else about_pages(workloads)
    return panels_of(shown, metric, looks_of(policies(shown)))


def _panel(workload: Workload, title: str, draw: Callable[..., None], **size: float) -> Panel:
    """A panel with room for a label per policy."""
    labels = ["infinite cache", *numbers.shorten(policies([workload]))]
    height = max(HEIGHT, len(labels) * LABEL_GAP)
    right = LABEL_LEFT + LABEL_CHARACTER * max(map(len, labels))
    return Panel(title, partial(draw, workload=workload), height=height, right=right, **size)


def _by_capacity(axes: Axes, *, workload: Workload, metric: str, looks: dict[str, Look]) -> None:
    curves = workload.curves(metric)
    axes.set_xscale("log")
    ends: list[End] = []
    for policy, curve in curves.items():
        _draw_curve(axes, curve, looks[policy])
        ends.append(End(policy, curve[-1].capacity, curve[-1].mean, looks[policy]))
    _shade_headroom(axes, workload.optimum(metric), [curve for policy, curve in curves.items() if is_online(policy)])
    infinite = workload.infinite(metric)
    if infinite is not None:
        axes.axhline(infinite, color=INFINITE, linestyle=(0, (5, 3)), linewidth=1)
    _pad(
        axes,
        [point.mean for curve in curves.values() for point in curve] + ([] if infinite is None else [infinite]),
    )
    _capacity_ticks(axes, workload)
    axes.yaxis.set_major_formatter(lambda value, _: numbers.tick(value))
    axes.set_ylabel(METRICS[metric])
    if infinite is not None:
        ends.insert(0, End("infinite cache", axes.get_xlim()[1], infinite, Look(INFINITE, "", "--")))
    label_ends(axes, ends, axes.bbox.height / axes.figure.dpi)


def _draw_curve(axes: Axes, curve: list[Point], look: Look) -> None:
    capacities = [point.capacity for point in curve]
    axes.plot(capacities, [point.mean for point in curve], **look.line())
    if any(point.high > point.low for point in curve):
        axes.fill_between(
            capacities,
            [p.low for p in curve],
            [p.high for p in curve],
            color=look.colour,
            alpha=0.2,
            linewidth=0,
        )


def _shade_headroom(axes: Axes, optimum: dict[int, float], online: list[list[Point]]) -> None:
    """Grey between the best online policy and the optimum: what a better policy could still gain."""
    best: dict[int, float] = {}
    for point in (point for curve in online for point in curve):
        best[point.capacity] = max(point.mean, best.get(point.capacity, 0.0))
    both = [capacity for capacity in optimum if capacity in best]
    if both:
        low, high = [best[c] for c in both], [optimum[c] for c in both]
        axes.fill_between(both, low, high, color=HEADROOM, linewidth=0, zorder=0)


def _pad(axes: Axes, values: list[float]) -> None:
    low, high = min(values), max(values)
    if high - low < 0.02:  # a flat line needs no magnifying glass
        low, high = max(low - 0.05, 0.0), min(high + 0.05, 1.0)
    room = 0.06 * (high - low)
    axes.set_ylim(low - room, high + room)


def _capacity_ticks(axes: Axes, workload: Workload) -> None:
    """Ticks at the capacities that ran, as many as fit; above them the share of the footprint, or the memory."""
    capacities = workload.capacities
    low, high = capacities[0][0], capacities[-1][0]
    axes.set_xlim(low / 1.12, high * 1.12) if high > low else axes.set_xlim(low / 2, high * 2)
    shown = _apart(axes.get_xlim(), [(c, numbers.short_size(c, workload.unit)) for c, _ in capacities])
    axes.set_xticks([c for c, _ in shown], [text for _, text in shown])
    axes.set_xticks([], minor=True)
    axes.set_xlabel("capacity" if workload.unit == "bytes" else "capacity, pages")
    per_page = _bytes_per_page(workload)
    above = axes.secondary_xaxis("top")
    shown = _apart(
        axes.get_xlim(), [(c, numbers.memory(c * per_page) if per_page else numbers.share(s)) for c, s in capacities]
    )
    above.set_xticks([c for c, _ in shown], [text for _, text in shown])
    above.set_xticks([], minor=True)
    above.tick_params(labelsize=9.5, colors="#555555")
    above.set_xlabel("memory, modelled" if per_page else "share of the footprint", fontsize=9.5, color="#555555")


def _apart(limits: tuple[float, float], ticks: Sequence[tuple[float, str]]) -> list[tuple[float, str]]:
    """Those of the rising `ticks` whose labels do not touch on a logarithmic axis, chosen from the last one down."""
    inches = WIDTH / np.log(limits[1] / limits[0])
    shown: list[tuple[float, str]] = []
    for at, text in reversed(ticks):
        if (
            not shown
            or np.log(shown[-1][0] / at) * inches >= 0.1 + LABEL_CHARACTER * (len(text) + len(shown[-1][1])) / 2
        ):
            shown.append((at, text))
    return shown


def _bytes_per_page(workload: Workload) -> float | None:
    """Modelled bytes of a page, where the run set bytes_per_token and capacities count pages."""
    known = [row["peak_bytes"] / row["peak_pages"] for row in workload.rows if row["peak_bytes"] and row["peak_pages"]]
    return known[0] if known and workload.unit == "pages" else None


def _series(workload: Workload, policy: str, capacity: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Page accesses and hits per window, summed over seeds, or None."""
    cells = [row for row in workload.cells(policy, capacity) if row["series_pages"]]
    if not cells:
        return None
    same = [row for row in cells if len(row["series_pages"]) == len(cells[0]["series_pages"])]
    pages, hits = (np.sum([row[name] for row in same], axis=0) for name in ("series_pages", "series_hits"))
    starts = np.unique(np.arange(_POINTS_OVER_TIME) * len(pages) // _POINTS_OVER_TIME)
    return np.add.reduceat(pages, starts), np.add.reduceat(hits, starts)


def _over_time(axes: Axes, *, workload: Workload, capacity: int, looks: dict[str, Look]) -> None:
    ends: list[End] = []
    values: list[float] = []
    for index, (policy, look) in enumerate(looks.items()):
        series = _series(workload, policy, capacity)
        if series is None:
            continue
        pages, hits = series
        ratios = np.divide(hits, pages, out=np.full(len(pages), np.nan), where=pages > 0)
        done = 100 * (np.arange(len(pages)) + 0.5) / len(pages)
        axes.plot(done, ratios, **look.line() | {"linewidth": 1.1}, markevery=(index % 5, 5))
        seen = ratios[~np.isnan(ratios)]
        values += seen.tolist()
        if len(seen):
            ends.append(End(policy, float(done[-1]), float(seen[-1]), look))
    _pad(axes, values or [0.0])
    axes.set_xlim(0, 100)
    axes.set_xlabel("requests replayed, %")
    axes.set_ylabel(METRICS["hit_ratio"])
    axes.yaxis.set_major_formatter(lambda value, _: numbers.tick(value))
    label_ends(axes, ends, axes.bbox.height / axes.figure.dpi)


def _memory_points(workload: Workload, metric: str) -> dict[str, list[tuple[float, float]]]:
    """Per policy (ratio, peak bytes or else peak pages), over all its cells."""
    column = "peak_bytes" if any(row["peak_bytes"] for row in workload.rows) else "peak_pages"
    points: dict[str, list[tuple[float, float]]] = {}
    for row in sorted(workload.rows, key=lambda row: (row["capacity"], row["seed"])):
        if row[column] and is_number(row[metric]):
            points.setdefault(row["policy"], []).append((row[metric], row[column]))
    return points


def _memory(axes: Axes, *, workload: Workload, metric: str, looks: dict[str, Look]) -> None:
    points = _memory_points(workload, metric)
    in_bytes = any(row["peak_bytes"] for row in workload.rows)
    axes.set_yscale("log")
    ends: list[End] = []
    for policy, curve in points.items():
        axes.plot(*zip(*curve, strict=True), **looks[policy].line())
        ends.append(End(policy, *curve[-1], looks[policy]))
    sizes = sorted({amount for curve in points.values() for _, amount in curve})
    axes.set_ylim(sizes[0] / 1.3, sizes[-1] * 1.3)
    # As wide as two characters: along this axis labels take their height.
    shown = [amount for amount, _ in _apart(axes.get_ylim(), [(amount, "  ") for amount in sizes])]
    axes.set_yticks(shown, [numbers.short_size(amount, "bytes" if in_bytes else "pages") for amount in shown])
    axes.set_yticks([], minor=True)
    modelled = "object sizes" if workload.unit == "bytes" else "modelled"
    axes.set_ylabel(f"peak memory, {modelled}" if in_bytes else "peak pages cached")
    axes.xaxis.set_major_formatter(lambda value, _: numbers.tick(value))
    axes.set_xlabel(METRICS[metric])
    label_ends(axes, ends, axes.bbox.height / axes.figure.dpi)
