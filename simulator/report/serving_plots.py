"""Pictures of simulated servers: latencies, memory and batches over time, a Gantt of requests; and of recorded runs."""

from __future__ import annotations

import itertools
import math
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from matplotlib.axes import Axes

from .panels import BLUE, GREEN, GREY, NAMES, ORANGE, draw_distribution, finish_latencies, write_panels
from .style import looks

if TYPE_CHECKING:
    from kvreplay.simulator.serving.simulation import Simulation
    from kvreplay.simulator.serving.validation import Validation

_GANTT_SECONDS, _GANTT_REQUESTS = 10.0, 60
_LEAST = 1e-3  # seconds: what is less is no latency on a logarithmic axis
_PLACES = (BLUE, GREEN, ORANGE, "#cc79a7", "#e69f00")
_WIDTH = 36  # characters of a label's lines
_WRAPPED = 10  # labels below each other that may have several
_POINTS = 500  # of a series: more cannot be seen


def draw_simulation(simulation: Simulation, path: Path) -> None:
    """Latencies, batches and memory over time, and the first seconds of the busiest replica, into a .png or .svg."""
    panels: list[Callable[[Axes], None]] = [
        partial(_latencies, simulation),
        partial(_throughput, simulation),
        partial(_requests, simulation),
        partial(_memory, simulation),
        partial(_gantt, simulation),
    ]
    row = simulation.row
    title = f"{row['trace']}: {row['replicas']} x {row['model']} on {row['device']}, {row['router']}, modelled"
    write_panels(panels, title, path)


def draw_sweep(rows: Sequence[dict[str, Any]], varied: Sequence[str], path: Path) -> None:
    """How simulations that differ in the settings `varied` compare, into a .png or .svg.

    Where the rate of arrivals is one of them: throughput and latency against the offered load, a line for each of the
    others' values. Where the replicas are: how throughput grows with them. Where tokens were loaded: from where. And
    time to the first token against the share of tokens that were hit or loaded.
    """
    panels: list[Callable[[Axes], None]] = []
    if "rate" in varied and rows[0]["offered_requests_per_second"] is not None:
        lines = [name for name in varied if name != "rate"]
        panels += [partial(_against_load, rows, lines), partial(_latency_against_load, rows, lines)]
    if "replicas" in varied:
        panels.append(partial(_against_replicas, rows, [name for name in varied if name != "replicas"]))
    if any(row["loaded_token_ratio"] for row in rows):
        panels.append(partial(_origins, rows, varied))
    if any(row["ttft_mean"] is not None for row in rows) or not panels:
        panels.append(partial(_hits_and_latency, rows, varied))
    row = rows[0]
    trace = "several traces" if "trace" in varied else row["trace"]
    write_panels(panels, f"{trace}: {row['model']} on {row['device']}, modelled", path)


def _lines(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """Rows by the values of `names`, in words."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(_label(row, names), []).append(row)
    return found


def _label(row: dict[str, Any], names: Sequence[str]) -> str:
    return textwrap.fill(", ".join(str(row[name]) for name in names), _WIDTH)


def _against_load(rows: Sequence[dict[str, Any]], names: Sequence[str], axes: Axes) -> None:
    lines = _lines(rows, names)
    for (label, own), look in zip(lines.items(), looks(lines).values(), strict=True):
        own = sorted(own, key=lambda row: row["rate"])
        offered = [row["offered_requests_per_second"] for row in own]
        axes.plot(offered, [row["requests_per_second"] for row in own], **look.line(), label=label or None)
        stable = [load for load, row in zip(offered, own, strict=True) if row["verdict"] == "stable"]
        if stable and len(stable) < len(own):
            axes.axvline(max(stable), color=look.colour, linewidth=0.8, linestyle=":")
    most = max(row["offered_requests_per_second"] for row in rows)
    axes.plot([0, most], [0, most], color=GREY, linewidth=0.8, zorder=0)
    axes.set(xlabel="requests offered a second", ylabel="requests served a second", ylim=(0, None), xlim=(0, None))
    axes.set_title("Throughput (dotted: the last stable load)")
    if len(lines) > 1:
        axes.legend(fontsize=8)


def _against_replicas(rows: Sequence[dict[str, Any]], names: Sequence[str], axes: Axes) -> None:
    lines = _lines(rows, names)
    for (label, own), look in zip(lines.items(), looks(lines).values(), strict=True):
        own = sorted(own, key=lambda row: row["replicas"])
        first = own[0]["output_tokens_per_second"]
        gains = [row["output_tokens_per_second"] / first for row in own]
        axes.plot([row["replicas"] for row in own], gains, **look.line(), label=label or None)
    counts = sorted({row["replicas"] for row in rows})
    axes.plot(counts, [count / counts[0] for count in counts], color=GREY, linewidth=0.8, zorder=0)
    axes.set(xlabel="replicas", ylabel="x output tokens a second", title="Throughput", ylim=(0, None), xticks=counts)
    if len(lines) > 1:
        axes.legend(fontsize=6)


def _latency_against_load(rows: Sequence[dict[str, Any]], names: Sequence[str], axes: Axes) -> None:
    lines = _lines(rows, names)
    for (label, own), look in zip(lines.items(), looks(lines).values(), strict=True):
        own = sorted((row for row in own if row["ttft_p50"] is not None), key=lambda row: row["rate"])
        offered = [row["offered_requests_per_second"] for row in own]
        axes.plot(offered, [row["ttft_p50"] for row in own], **look.line(), label=label or "median")
        axes.fill_between(
            offered, [row["ttft_p50"] for row in own], [row["ttft_p90"] for row in own], color=look.colour, alpha=0.12
        )
    axes.set(xlabel="requests offered a second", ylabel="seconds", yscale="log", xlim=(0, None))
    axes.set_title("To the first token: median to p90, while stable")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(lambda value, _: "")
    axes.legend(fontsize=8)


def _hits_and_latency(rows: Sequence[dict[str, Any]], varied: Sequence[str], axes: Axes) -> None:
    lines = _lines([row for row in rows if row["ttft_mean"] is not None], [name for name in varied if name != "rate"])
    for (label, own), look in zip(lines.items(), looks(lines).values(), strict=True):
        ratios = [100 * (row["reused_token_ratio"] or 0.0) for row in own]
        axes.plot(ratios, [row["ttft_mean"] for row in own], **look.line() | {"linestyle": ""}, label=label or None)
    axes.set(
        xlabel="% of the prompt tokens hit, or loaded",
        ylabel="mean seconds to the first token",
        title="Hits and latency",
        ylim=(0, None),
    )
    if len(lines) > 1:
        axes.legend(fontsize=8)


def _origins(rows: Sequence[dict[str, Any]], varied: Sequence[str], axes: Axes) -> None:
    """A bar per simulation: the shares of prompt tokens that were hit, and loaded from each place."""
    names = [name for row in rows for name in row if name.endswith("_token_ratio")]
    places = [name for name in dict.fromkeys(names) if not name.startswith(("loaded_", "reused_"))]
    left = np.zeros(len(rows))
    for name, colour in zip(("token_hit_ratio", *places), itertools.cycle(_PLACES), strict=False):
        shares = np.array([100 * (row.get(name) or 0.0) for row in rows])
        label = "hit" if name == "token_hit_ratio" else f"from {name.removesuffix('_token_ratio')}"
        axes.barh(np.arange(len(rows)), shares, left=left, height=0.7, color=colour, label=label)
        left += shares
    labels = [_label(row, varied) for row in rows]
    if len(rows) > _WRAPPED:
        labels = [label.replace("\n", " ") for label in labels]
    axes.set_yticks(np.arange(len(rows)), labels, fontsize=6)
    axes.set(xlabel="% of the prompt tokens", title="Not computed again")
    axes.invert_yaxis()
    axes.legend(fontsize=8)


def draw_validation(validation: Validation, path: Path) -> None:
    """The distribution of every latency, recorded and simulated, into a .png or .svg."""
    panels = [partial(_both, validation, row) for row in validation.rows()]
    row = validation.simulation.row
    write_panels(panels, f"{row['trace']}: recorded, and {row['model']} on {row['device']} simulated", path)


def _latencies(simulation: Simulation, axes: Axes) -> None:
    for (name, label), colour in zip(NAMES.items(), (BLUE, ORANGE, GREEN, GREY), strict=True):
        values = simulation.requests[name].drop_nulls().to_numpy()
        draw_distribution(axes, np.maximum(values, _LEAST), label, colour)
    finish_latencies(axes, "How long it takes")


def _both(validation: Validation, row: dict, axes: Axes) -> None:
    name = row["latency"]
    draw_distribution(axes, validation.recorded[name], "recorded", BLUE)
    draw_distribution(axes, validation.simulated[name], "simulated", ORANGE, "--")
    finish_latencies(axes, f"{NAMES[name]}: mean {100 * row['mean_error']:+.1f} %, KS {row['ks']:.3f}")


def _throughput(simulation: Simulation, axes: Axes) -> None:
    seconds = _thinned(simulation.seconds)
    for name, label, colour in (
        ("prefill_tokens", "prompt, computed", BLUE),
        ("output_tokens", "generated", ORANGE),
    ):
        axes.plot(seconds["second"], seconds[name], color=colour, linewidth=1.0, label=label)
    axes.set(xlabel="seconds", ylabel="tokens a second", title="Throughput", yscale="symlog", ylim=(0, None))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_formatter(lambda value, _: "")
    axes.legend(fontsize=8)


def _requests(simulation: Simulation, axes: Axes) -> None:
    seconds = _thinned(simulation.seconds)
    for name, colour in (("running", BLUE), ("waiting", ORANGE)):
        axes.plot(seconds["second"], seconds[name], color=colour, linewidth=1.0, label=name)
    axes.set(xlabel="seconds", ylabel="requests", title="Requests in all replicas", ylim=(0, None))
    axes.legend(fontsize=8)


def _memory(simulation: Simulation, axes: Axes) -> None:
    seconds = _thinned(simulation.seconds)
    total = simulation.server.pages * simulation.server.replicas
    parts = [100 * seconds[name].to_numpy() / total for name in ("held", "idle")]
    labels = ["in use", "kept for later hits"]
    axes.stackplot(seconds["second"], *parts, labels=labels, colors=[BLUE, GREEN], alpha=0.8)
    axes.set(xlabel="seconds", ylabel="% of the pages", title="KV memory", ylim=(0, 100))
    axes.legend(fontsize=8)


def _gantt(simulation: Simulation, axes: Axes) -> None:
    """The requests of one replica around its busiest moment, a line each."""
    steps = simulation.steps
    busiest = steps.row(int(steps["running"].arg_max() or 0), named=True)
    start = max(busiest["start"] - _GANTT_SECONDS / 2, 0.0)
    shown = simulation.requests.filter(
        (pl.col("replica") == busiest["replica"])
        & (pl.col("end") > start)
        & (pl.col("arrival") < start + _GANTT_SECONDS)
    ).head(_GANTT_REQUESTS)
    phases = (("arrival", "in the queue", GREY), ("admission", "prefill", BLUE), ("first_token", "decode", ORANGE))
    for (begin, label, colour), (finish, _, _) in zip(phases, (*phases[1:], ("end", "", "")), strict=True):
        left = np.maximum(shown[begin].to_numpy(), start)
        width = np.minimum(shown[finish].to_numpy(), start + _GANTT_SECONDS) - left
        axes.barh(np.arange(len(shown)), np.maximum(width, 0), left=left - start, height=0.8, color=colour, label=label)
    axes.set(xlim=(0, _GANTT_SECONDS), xlabel=f"seconds from {start:,.1f} s on", ylabel="requests by arrival")
    axes.set_title(f"Replica {busiest['replica']}")
    axes.invert_yaxis()
    axes.legend(fontsize=8)


def _thinned(seconds: pl.DataFrame) -> pl.DataFrame:
    """Means over so many seconds that no more points are left than can be seen."""
    every = max(math.ceil(len(seconds) / _POINTS), 1)
    whole = seconds[:-1] if len(seconds) > 1 else seconds  # the last second ends early
    return whole.group_by(((pl.col("second") - 1) // every).alias("part"), maintain_order=True).mean()
