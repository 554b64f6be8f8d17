"""Servers with a clock: how long requests take, how many are served, and what hits have to do with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from kvreplay.simulator.replay.row import SERVER

from . import numbers
from .figure import HEIGHT, LABEL_CHARACTER, LABEL_GAP, LABEL_LEFT, End, Panel, label_ends
from .panels import name_logarithmic
from .style import Look, distinct_looks
from .table import Table
from .workloads import Row, Workload

_VARIED = ("policy", "capacity", "sizing", "stack", "warmup", "seed", *SERVER)
_MOST_LINES = 10  # that a panel shows
_LEAST = 1e-3  # seconds: what is less is no latency on a logarithmic axis
_NAMES = {"ttft": "to the first token", "tpot": "between tokens", "e2e": "to the end"}

# What the table shows: heading -> (column, how it is written).
_SHOWN: dict[str, tuple[str, Callable[[Any], str]]] = {
    "verdict": ("verdict", str),
    "refused": ("refused", "{:,}".format),
    "offered/s": ("offered_requests_per_second", "{:,.4g}".format),
    "requests/s": ("requests_per_second", "{:,.4g}".format),
    "output tokens/s": ("output_tokens_per_second", "{:,.4g}".format),
    "ttft p50, s": ("ttft_p50", "{:,.3f}".format),
    "ttft p99, s": ("ttft_p99", "{:,.3f}".format),
    "tpot p50, ms": ("tpot_p50", lambda seconds: f"{1e3 * seconds:,.2f}"),
    "e2e p99, s": ("e2e_p99", "{:,.2f}".format),
    "handover p50, ms": ("handover_p50", lambda seconds: f"{1e3 * seconds:,.1f}"),
    "goodput/s": ("goodput", "{:,.4g}".format),
    "token hit ratio": ("token_hit_ratio", lambda ratio: numbers.percent(ratio, 1)),
    "loaded": ("loaded_token_ratio", lambda ratio: numbers.percent(ratio, 1)),
    "hit or loaded": ("reused_token_ratio", lambda ratio: numbers.percent(ratio, 1)),
    "preemptions": ("preemptions", "{:,}".format),
    "busy": ("utilisation", lambda ratio: numbers.percent(ratio, 1)),
    "prefill busy": ("prefill_utilisation", lambda ratio: numbers.percent(ratio, 1)),
    "decode busy": ("decode_utilisation", lambda ratio: numbers.percent(ratio, 1)),
}


def groups(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows with a clock, by trace and clock in words."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["clock"] is not None:
            found[f"{row['trace']}, {row['clock']}"].append(row)
    return found


def varied(rows: Sequence[Row]) -> list[str]:
    """The inputs in which `rows` differ."""
    return [name for name in _VARIED if len({row[name] for row in rows}) > 1]


def distinguishing(rows: Sequence[Row]) -> list[str]:
    """The same, without what follows from the others, as the capacity that a device has left or its step costs."""
    names = varied(rows)
    for implied in ("capacity", "step_cost"):
        others = [name for name in names if name != implied]
        if _combinations(rows, others) == _combinations(rows, names):
            names = others
    return names


def _combinations(rows: Sequence[Row], names: Sequence[str]) -> int:
    return len({_values(row, names) for row in rows})


def _values(row: Row, names: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def tables(rows: Iterable[Row]) -> list[Table]:
    """Of each trace and clock: a line for each cell, what it differs in and how it served."""
    return [_table(title, own) for title, own in groups(rows).items()]


def _table(title: str, rows: list[Row]) -> Table:
    differ = varied(rows)
    shown = {head: (name, form) for head, (name, form) in _SHOWN.items() if any(row[name] for row in rows)}
    if "loaded" not in shown:
        shown.pop("hit or loaded", None)  # the token hit ratio again
    cells = [
        [
            *(plainly(row[name]) for name in differ),
            *("–" if row[name] is None else form(row[name]) for name, form in shown.values()),
        ]
        for row in rows
    ]
    same = [rows[0][name] for name in ("model", "device") if name not in differ]
    headings = [*(name.replace("_", " ") for name in differ), *shown]
    return Table(f"{title}: {', '.join(same)}" if same else title, headings, cells)


def answer(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """Of each trace and clock that compares servers the one with the shortest time to the first token, in words."""
    found = []
    for title, own in groups(rows).items():
        same = one_rate(own)
        known = sorted((row for row in same if row["ttft_mean"] is not None), key=lambda row: row["ttft_mean"])
        if len(known) > 1:
            differ = distinguishing(same)
            first, last = (
                f"{named(row, differ)} ({_seconds(row['ttft_mean'])}, token hit ratio "
                f"{numbers.percent(row['token_hit_ratio'] or 0.0, 1)})"
                for row in (known[0], known[-1])
            )
            every = len(known) == len(same)
            which = f"{len(known)} servers" if every else f"the {len(known)} of {len(same)} servers that keep up"
            text = f"of {which} the first token comes soonest, on average, from {first}, latest from {last}."
            found.append((f"{title}{at_rate(same)}", text))
    return found


def load_panels(workloads: Sequence[Workload], metric: str, looks: dict[str, Look]) -> list[Panel]:
    """Per trace whose rate varies: requests served, and time to the first token, against requests offered, at one
    capacity."""
    panels = []
    for title, own in by_title(workloads).items():
        rows = one_capacity(own)
        if "rate" in varied(rows) and rows[0]["offered_requests_per_second"] is not None:
            lines = _lines(rows, [name for name in distinguishing(rows) if name != "rate"])
            panels += [
                _panel(f"{title}: {what}", lines, draw, looks)
                for what, draw in (("served", _served), ("to the first token", _first_token))
            ]
    return panels


def latency_panels(workloads: Sequence[Workload], metric: str, looks: dict[str, Look]) -> list[Panel]:
    """Per trace the distribution of each latency, at one rate and capacity."""
    panels = []
    for title, rows in by_title(workloads).items():
        same = one_capacity(one_rate(rows))
        lines = _lines(same, distinguishing(same))
        for time, name in _NAMES.items():
            if any(row[f"{time}_percentiles"] for row in same):
                draw = partial(_distribution, time=time, rate=at_rate(same))
                panels.append(_panel(f"{title}: {name}", lines, draw, looks))
    return panels


def hit_panels(workloads: Sequence[Workload], metric: str, looks: dict[str, Look]) -> list[Panel]:
    """Per trace the mean time to the first token against the share of prompt tokens that were hit or loaded, at one
    rate: a point per capacity."""
    panels = []
    for title, rows in by_title(workloads).items():
        same = one_rate(rows)
        if sum(_place(row) is not None for row in same) > 1:
            lines = _lines(same, [name for name in distinguishing(same) if name != "capacity"])
            panels.append(_panel(f"{title}{at_rate(same)}", lines, _hits, looks))
    return panels


def scale_panels(workloads: Sequence[Workload], metric: str, looks: dict[str, Look]) -> list[Panel]:
    """Per trace how throughput grows with the replicas, where these vary, at one rate and capacity."""
    panels = []
    for title, rows in by_title(workloads).items():
        same = one_capacity(one_rate(rows))
        if "replicas" in varied(same):
            lines = _lines(same, [name for name in distinguishing(same) if name != "replicas"])
            panels.append(_panel(f"{title}{at_rate(same)}", lines, _gains, looks))
    return panels


def by_title(workloads: Sequence[Workload]) -> dict[str, list[Row]]:
    return groups(row for workload in workloads for row in (*workload.rows, *workload.resized))


def one_rate(rows: list[Row]) -> list[Row]:
    """Those of the highest rate at which all are stable, or else of the lowest."""
    rates: dict[float, list[Row]] = defaultdict(list)
    for row in rows:
        rates[row["rate"]].append(row)
    stable = [rate for rate, own in rates.items() if all(row["verdict"] == "stable" for row in own)]
    return rates[max(stable) if stable else min(rates)]


def one_capacity(rows: list[Row]) -> list[Row]:
    """Those of the middle capacity, of each server that other inputs tell apart."""
    others = [name for name in varied(rows) if name != "capacity"]
    capacities: dict[tuple[Any, ...], set[int]] = defaultdict(set)
    for row in rows:
        capacities[_values(row, others)].add(row["capacity"])
    middle = {server: sorted(own)[len(own) // 2] for server, own in capacities.items()}
    return [row for row in rows if row["capacity"] == middle[_values(row, others)]]


def _lines(rows: Iterable[Row], names: Sequence[str]) -> dict[str, list[Row]]:
    """Rows by what `names` say of them, in words; of too many the quickest to the first token."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[named(row, names)].append(row)
    if len(found) > _MOST_LINES:
        quickest = sorted(found, key=lambda label: min(row["ttft_mean"] or np.inf for row in found[label]))
        found = {label: own for label, own in found.items() if label in quickest[:_MOST_LINES]}
    return found


def named(row: Row, names: Sequence[str]) -> str:
    """What `names` say of a row in words; its server where they are none."""
    return ", ".join(_value(name, row) for name in names) or row["device"]


def _value(name: str, row: Row) -> str:
    value = row[name]
    if name == "capacity":
        return numbers.size(value, row["capacity_unit"])
    if name == "policy" and value == "none":
        return "no caching"
    return value if isinstance(value, str) else f"{name.replace('_', ' ')} {plainly(value)}"


def plainly(value: Any) -> str:
    """An input as a table shows it."""
    return "none" if value is None else value if isinstance(value, str) else f"{value:,g}"


def at_rate(rows: Sequence[Row]) -> str:
    offered = rows[0]["offered_requests_per_second"] if rows else None
    return "" if offered is None else f", {offered:.3g} requests/s"


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1 else f"{1e3 * value:.3g} ms"


def _panel(title: str, lines: dict[str, list[Row]], draw: Callable[..., list[End]], looks: dict[str, Look]) -> Panel:
    """A panel of one look for each of `lines`: that of its policy where they differ in nothing else."""
    own = looks if lines.keys() <= looks.keys() else distinct_looks(lines)

    def drawn(axes: Axes) -> None:
        label_ends(axes, draw(axes, lines=lines, looks=own), axes.bbox.height / axes.figure.dpi)

    longest = max(6, *map(len, numbers.shorten(lines)))  # short words have wide letters
    height = max(HEIGHT, len(lines) * LABEL_GAP)
    return Panel(title, drawn, height=height, right=LABEL_LEFT + LABEL_CHARACTER * longest)


def _served(axes: Axes, *, lines: dict[str, list[Row]], looks: dict[str, Look]) -> list[End]:
    ends = []
    for label, rows in lines.items():
        own = sorted(rows, key=lambda row: row["rate"])
        offered, served = (
            [row[name] for row in own] for name in ("offered_requests_per_second", "requests_per_second")
        )
        axes.plot(offered, served, **looks[label].line())
        ends.append(End(label, offered[-1], served[-1], looks[label]))
        stable = [load for load, row in zip(offered, own, strict=True) if row["verdict"] == "stable"]
        if stable and len(stable) < len(own):  # the knee: the last load with which it keeps up
            axes.axvline(max(stable), color=looks[label].colour, linewidth=0.8, linestyle=":")
    most = max(end.x for end in ends)
    axes.plot([0, most], [0, most], color="#bbbbbb", linewidth=0.8, zorder=0)
    axes.set(xlabel="requests offered a second", ylabel="requests served a second", ylim=(0, None), xlim=(0, None))
    return ends


def _first_token(axes: Axes, *, lines: dict[str, list[Row]], looks: dict[str, Look]) -> list[End]:
    ends = []
    for label, rows in lines.items():
        own = sorted((row for row in rows if row["ttft_p50"] is not None), key=lambda row: row["rate"])
        if own:
            offered, median, high = (
                [row[name] for row in own] for name in ("offered_requests_per_second", "ttft_p50", "ttft_p90")
            )
            axes.plot(offered, median, **looks[label].line())
            axes.plot(offered, high, color=looks[label].colour, linewidth=0.9, linestyle=":")
            ends.append(End(label, offered[-1], median[-1], looks[label]))
    axes.set(xlabel="requests offered a second", ylabel="seconds, median (dotted: p90)", yscale="log")
    name_logarithmic(axes.yaxis)
    return ends


def _distribution(
    axes: Axes, *, lines: dict[str, list[Row]], looks: dict[str, Look], time: str, rate: str
) -> list[End]:
    ends = []
    for index, (label, (row, *_)) in enumerate(lines.items()):
        seconds = row[f"{time}_percentiles"]
        if seconds:
            seconds = np.maximum(seconds, _LEAST)
            axes.plot(seconds, np.arange(101), **looks[label].line() | {"markersize": 3}, markevery=(5 + index, 20))
            ends.append(End(label, float(seconds[-1]), 100.0, looks[label]))
    axes.set(xscale="log", xlabel=f"seconds{rate}", ylabel="% of requests", ylim=(0, 100))
    name_logarithmic(axes.xaxis)
    return ends


def _hits(axes: Axes, *, lines: dict[str, list[Row]], looks: dict[str, Look]) -> list[End]:
    ends = []
    for label, rows in lines.items():
        places = [place for row in sorted(rows, key=lambda row: row["capacity"]) if (place := _place(row)) is not None]
        if places:
            axes.plot(*zip(*places, strict=True), **looks[label].line())
            ends.append(End(label, *places[-1], looks[label]))
    axes.set(xlabel="prompt tokens hit or loaded", ylabel="mean seconds to the first token", ylim=(0, None))
    axes.xaxis.set_major_formatter(lambda value, _: numbers.tick(value))
    axes.locator_params(axis="x", nbins=4)  # decimals take room
    return ends


def _place(row: Row) -> tuple[float, float] | None:
    """Of a server that keeps up: the share of tokens that it need not compute, and how soon it answers."""
    ratio, seconds = row["reused_token_ratio"], row["ttft_mean"]
    return None if ratio is None or seconds is None else (ratio, seconds)


def _gains(axes: Axes, *, lines: dict[str, list[Row]], looks: dict[str, Look]) -> list[End]:
    ends = []
    for label, rows in lines.items():
        own = sorted(rows, key=lambda row: row["replicas"])
        counts, tokens = ([row[name] for row in own] for name in ("replicas", "output_tokens_per_second"))
        gains = [value / tokens[0] for value in tokens]
        axes.plot(counts, gains, **looks[label].line())
        ends.append(End(label, counts[-1], gains[-1], looks[label]))
    counts = sorted({row["replicas"] for rows in lines.values() for row in rows})
    axes.plot(counts, [count / counts[0] for count in counts], color="#bbbbbb", linewidth=0.8, zorder=0)
    axes.set(xlabel="replicas", ylabel="x output tokens a second", ylim=(0, None), xticks=counts)
    return ends
