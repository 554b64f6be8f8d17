"""What the pictures of simulated and of real servers share: panels side by side, and distributions of latencies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FixedLocator, MaxNLocator

from kvreplay.files import write_whole

from .figure import to_png, to_svg
from .style import SETTINGS

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#bbbbbb"
NAMES = {"ttft": "to the first token", "tpot": "between tokens", "e2e": "to the end", "queueing": "in the queue"}
_POINTS = 500  # of a curve: more cannot be seen
_TICKS = 6  # that have room beside each other


def write_panels(panels: Sequence[Callable[[Axes], None]], title: str, path: Path) -> None:
    """Draw the panels, three in a row, into a .png or .svg."""
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    with mpl.rc_context(SETTINGS):
        layout = ConstrainedLayoutEngine(wspace=0.06, hspace=0.08)
        figure = Figure(figsize=(4.2 * columns, 3.2 * rows + 0.4), layout=layout)
        for index, panel in enumerate(panels):
            panel(figure.add_subplot(rows, columns, index + 1))
        figure.suptitle(title, fontsize=12, fontweight="bold")
    write_whole(path, to_svg(figure) if path.suffix == ".svg" else to_png(figure))


def draw_distribution(axes: Axes, values: np.ndarray, label: str, colour: str, dash: str = "-") -> None:
    """The share of `values` up to each value."""
    if len(values):
        shares = np.linspace(0, 1, _POINTS)
        axes.plot(np.quantile(values, shares), 100 * shares, color=colour, linestyle=dash, linewidth=1.4, label=label)


def finish_latencies(axes: Axes, title: str) -> None:
    """Make axes of distributions those of latencies in seconds."""
    axes.set(xscale="log", xlabel="seconds", ylabel="% of requests", title=title, ylim=(0, 100))
    name_logarithmic(axes.xaxis)
    axes.legend(fontsize=8)


def name_logarithmic(axis: Axis) -> None:
    """Write plain numbers at a few places of a logarithmic axis that shows what it will show: round ones, if it can."""
    low, high = axis.get_view_interval()
    powers = 10.0 ** np.arange(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    for digits in ((1, 2, 5), (1, 3), (1,)):  # the closest that have room
        ticks = np.outer(powers, digits).ravel()
        ticks = ticks[(low <= ticks) & (ticks <= high)]
        if len(ticks) <= _TICKS:
            break
    ticks = ticks[:: max(math.ceil(len(ticks) / _TICKS), 1)]
    if len(ticks) < 3:
        ticks = np.asarray(MaxNLocator(5, steps=(1, 2, 5, 10)).tick_values(low, high))
    axis.set_major_locator(FixedLocator(ticks.tolist()))
    axis.set_major_formatter(lambda value, _: f"{value:.6g}")
    axis.set_minor_formatter(lambda value, _: "")
