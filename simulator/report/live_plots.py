"""Pictures of live runs: how long requests took, what the server had cached, and how late they were sent."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from kvreplay.simulator.live.summary import TIMES, cacheable_tokens

from .panels import BLUE, GREY, NAMES, ORANGE, draw_distribution, finish_latencies, write_panels

if TYPE_CHECKING:
    from kvreplay.simulator.live.run import LiveRun
    from kvreplay.simulator.serving.validation import Validation
    from kvreplay.traces.trace import Trace


def draw_live(run: LiveRun, trace: Trace, path: Path, simulated: Validation | None = None) -> None:
    """What was measured, beside what was simulated where that is given, into a .png or .svg."""
    panels = [
        *(partial(_latencies, run, simulated, name) for name in TIMES),
        partial(_cached, run, trace, simulated),
        partial(_late, run),
    ]
    title = f"{trace.name} at {run.settings['speed']:g}x: {run.settings['model']}, measured"
    if simulated is not None:
        row = simulated.simulation.row
        title += f"; {row['model']} on {row['device']}, simulated"
    write_panels(panels, title, path)


def _latencies(run: LiveRun, simulated: Validation | None, name: str, axes: Axes) -> None:
    draw_distribution(axes, run.finished[name].drop_nulls().to_numpy(), "measured", BLUE)
    if simulated is not None:
        draw_distribution(axes, simulated.simulated[name], "simulated", ORANGE, "--")
    finish_latencies(axes, f"{NAMES[name][0].upper()}{NAMES[name][1:]}")


def _cached(run: LiveRun, trace: Trace, simulated: Validation | None, axes: Axes) -> None:
    """The share of all prompt tokens so far that was cached, over time."""
    table = run.finished
    prompts = np.cumsum(table["prompt_tokens"].to_numpy())
    most = cacheable_tokens(trace, run.settings["requests"])[table["request"].to_numpy()]
    lines = [("room for everything, modelled", most, GREY, "-")]
    if not table["cached_tokens"].is_null().all():
        lines.append(("measured", table["cached_tokens"].fill_null(0).to_numpy(), BLUE, "-"))
    if simulated is not None:
        lines.append(("simulated", simulated.simulation.requests["hit_tokens"].fill_null(0).to_numpy(), ORANGE, "--"))
    for label, tokens, colour, dash in lines:
        axes.plot(
            table["arrival"],
            100 * np.cumsum(tokens) / prompts,
            color=colour,
            linestyle=dash,
            linewidth=1.4,
            label=label,
        )
    axes.set(xlabel="seconds", ylabel="% of the prompt tokens so far", title="Cached", ylim=(0, 100))
    axes.legend(fontsize=8)


def _late(run: LiveRun, axes: Axes) -> None:
    table = run.finished
    axes.plot(table["arrival"], 1e3 * table["late"], ".", color=BLUE, markersize=3, label="sent")
    failed = [(record.arrival, 1e3 * (record.arrival - record.due)) for record in run.records.values() if record.error]
    if failed:
        axes.plot(*zip(*failed, strict=True), "x", color=ORANGE, markersize=5, label="failed")
    axes.set(xlabel="seconds", ylabel="ms behind the trace's clock", title="Sent late", ylim=(0, None))
    axes.legend(fontsize=8)
