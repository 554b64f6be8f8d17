"""Pictures of simulated servers: latencies, memory and batches over time, a Gantt of requests; and of recorded runs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from .panels import BLUE, GREEN, GREY, NAMES, ORANGE, draw_distribution, finish_latencies, write_panels

if TYPE_CHECKING:
    from kvreplay.simulator.serving.simulation import Simulation
    from kvreplay.simulator.serving.validation import Validation

_GANTT_SECONDS, _GANTT_REQUESTS = 10.0, 60
_LEAST = 1e-3  # seconds: what is less is no latency on a logarithmic axis
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
    if any(name.endswith("_pages") for name in simulation.seconds.columns):
        panels.insert(-1, partial(_tiers, simulation))
    row = simulation.row
    title = f"{row['trace']}: {row['replicas']} x {row['model']} on {row['device']}, {row['router']}, modelled"
    write_panels(panels, title, path)


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
    most = float(np.sum(parts, axis=0).max(initial=0.0))
    axes.set(xlabel="seconds", ylabel="% of the pages", title="KV memory", ylim=(0, min(1.1 * most, 100) or 100))
    axes.legend(fontsize=8)


def _tiers(simulation: Simulation, axes: Axes) -> None:
    seconds = _thinned(simulation.seconds)
    names = [name for name in seconds.columns if name.endswith("_pages")]
    for name, colour in zip(names, itertools.cycle((BLUE, ORANGE, GREEN, GREY))):
        axes.plot(seconds["second"], seconds[name], color=colour, linewidth=1.0, label=name.removesuffix("_pages"))
    axes.set(xlabel="seconds", ylabel="pages in all replicas", title="KV memory below", ylim=(0, None))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.legend(fontsize=8)


def _gantt(simulation: Simulation, axes: Axes) -> None:
    """The requests of one replica around its busiest moment, a line each."""
    steps = simulation.steps
    busiest = steps.row(int(steps["running"].arg_max() or 0), named=True)
    start = max(busiest["start"] - _GANTT_SECONDS / 2, 0.0)
    there = simulation.requests.filter(
        ((pl.col("replica") == busiest["replica"]) | (pl.col("decoder") == busiest["replica"]))
        & (pl.col("end") > start)
        & (pl.col("arrival") < start + _GANTT_SECONDS)
    )
    nearest = (pl.col("admission") - start - _GANTT_SECONDS / 2).abs()
    shown = there.sort(nearest).head(_GANTT_REQUESTS).sort("arrival", "request")
    phases = (("arrival", "in the queue", GREY), ("admission", "prefill", BLUE), ("first_token", "decode", ORANGE))
    for (begin, label, colour), (finish, _, _) in zip(phases, (*phases[1:], ("end", "", "")), strict=True):
        left = np.maximum(shown[begin].to_numpy(), start)
        width = np.minimum(shown[finish].to_numpy(), start + _GANTT_SECONDS) - left
        axes.barh(np.arange(len(shown)), np.maximum(width, 0), left=left - start, height=0.8, color=colour, label=label)
    axes.set(xlim=(0, _GANTT_SECONDS), xlabel=f"seconds from {start:,.1f} s on", ylabel="requests by arrival")
    some = "" if len(shown) == len(there) else f": {len(shown)} of {len(there):,} requests"
    axes.set_title(f"Replica {busiest['replica']}{some}")
    axes.invert_yaxis()
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=8)


def _thinned(seconds: pl.DataFrame) -> pl.DataFrame:
    """Means over so many seconds that no more points are left than can be seen."""
    every = max(math.ceil(len(seconds) / _POINTS), 1)
    whole = seconds[:-1] if len(seconds) > 1 else seconds  # the last second ends early
    return whole.group_by(((pl.col("second") - 1) // every).alias("part"), maintain_order=True).mean()
