"""What the pictures of simulated and of real servers share: panels side by side, and distributions of latencies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from kvreplay.files import write_whole

from .figure import to_png, to_svg
from .style import SETTINGS

BLUE, ORANGE, GREEN, GREY = "#0072b2", "#d55e00", "#009e73", "#bbbbbb"
NAMES = {"ttft": "to the first token", "tpot": "between tokens", "e2e": "to the end", "queueing": "in the queue"}
_POINTS = 500  # of a curve: more cannot be seen


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
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    low, high = axes.get_xlim()
    named = "" if high > 100 * low else "25" if high > 5 * low else "23456789"  # the digits between powers of ten
    axes.xaxis.set_minor_formatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in named else "")
    axes.legend(fontsize=8)
