"""From panels to pictures: a panel draws one workload, a figure is many panels; the same rows give the same bytes."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from .numbers import shorten
from .style import SETTINGS, Look

# Inches. The plot area of a panel is the same whatever stands around it, so that panels compare by eye.
WIDTH, HEIGHT = 2.45, 2.4
LEFT, RIGHT, TOP, BOTTOM = 0.85, 1.6, 0.6, 0.55
LABEL_GAP = 0.18  # between the baselines of two labels
LABEL_LEFT, LABEL_CHARACTER = 0.4, 0.085  # from the axes to a label, and a wide character of it


class Panel(NamedTuple):
    """One plot, and the size in inches of its area inside the margins."""

    title: str
    draw: Callable[[Axes], None]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = RIGHT
    top: float = TOP
    bottom: float = BOTTOM


class End(NamedTuple):
    """Where a curve ends, in the data's coordinates, and what to write there."""

    label: str
    x: float
    y: float
    look: Look


def compose(panels: Sequence[Panel], title: str = "", columns: int = 3) -> Figure:
    """A figure of all `panels`, row by row."""
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    cell_width = max(panel.left + panel.width + panel.right for panel in panels)
    cell_height = max(panel.top + panel.height + panel.bottom for panel in panels)
    heading = 0.4 if title else 0.0
    width, height = max(columns * cell_width, 0.3 + 0.11 * len(title)), rows * cell_height + heading
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(width, height))
        FigureCanvasAgg(figure)
        if title:
            figure.text(0.15 / width, 1 - 0.26 / height, title, fontsize=12, fontweight="bold", va="center")
        for index, panel in enumerate(panels):
            row, column = divmod(index, columns)
            left = column * cell_width + panel.left
            top = height - heading - row * cell_height - panel.top
            axes = figure.add_axes(
                (left / width, (top - panel.height) / height, panel.width / width, panel.height / height)
            )
            panel.draw(axes)
            characters = min(40, round((panel.left + panel.width + panel.right) * 10))  # 40: what a phone shows
            lines = textwrap.wrap(panel.title, characters, max_lines=2, placeholder=" …")
            figure.text(
                (left - panel.left + 0.1) / width, (top + panel.top - 0.08) / height, "\n".join(lines),
                fontsize=mpl.rcParams["axes.titlesize"], fontweight="bold", va="top", linespacing=1.1,
            )  # fmt: skip
    return figure


def to_png(figure: Figure) -> bytes:
    """The picture in 150 dots per inch."""
    with mpl.rc_context(SETTINGS):
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def to_svg(figure: Figure, salt: str = "kvreplay") -> str:
    """The picture as SVG text. Within one HTML page each needs its own `salt`, which makes its ids unique."""
    with mpl.rc_context(SETTINGS | {"svg.hashsalt": salt}):
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return re.sub(r"\n +", "\n", re.sub(r"<[^>]*>", _shorter, buffer.getvalue()))


def _shorter(tag: re.Match[str]) -> str:
    """A tag of an SVG without what nobody sees: more than hundredths of a point, turns by nothing, and group ids.

    These are matplotlib's own names for artists: nothing refers to them, and two pictures in a page repeat them.
    """
    text = re.sub(r' transform="rotate\(-?0 [^"]*\)"', "", tag[0])
    return re.sub(r"(\.\d\d)\d+", r"\1", re.sub(r'<g id="[^"]*"', "<g", text))


def label_ends(axes: Axes, ends: Sequence[End], height: float) -> None:
    """Write each curve's name to the right of the axes, level with its end but never on another's.

    Of those that end in one point the first stands highest. `height` is that of the axes in inches. This stands in for
    a legend: it needs no looking back and forth.
    """
    if not ends:
        return
    low, high = axes.get_ylim()
    # Of two at the same height the one further left goes higher, so that their leaders do not cross.
    rising = sorted(range(len(ends)), key=lambda i: (round(ends[i].y, 9), -ends[i].x, -i))
    ends = [ends[i] for i in rising]
    wanted = [(axes.transData.transform((x, y))[1] - axes.bbox.y0) / axes.bbox.height for _, x, y, _ in ends]
    placed = spread(wanted, min(LABEL_GAP / height, 1 / max(len(ends) - 1, 1)))
    across = blended_transform_factory(axes.transAxes, axes.transAxes)
    right = axes.get_xlim()[1]
    axes.set(ylim=(low, high))
    labels = shorten(end.label for end in ends)
    for label, (_, x, y, look), at in zip(labels, ends, placed, strict=True):
        start = axes.transAxes.inverted().transform(axes.transData.transform((x, y)))
        axes.plot(
            [start[0], 1.03, 1.08],
            [start[1], at, at],
            color=look.colour,
            linewidth=0.6,
            alpha=0.6,
            clip_on=False,
            transform=across,
        )
        axes.plot([1.11], [at], **look.line(), clip_on=False, transform=across)
        axes.text(
            LABEL_LEFT / WIDTH + 1,
            at,
            label,
            color=look.colour,
            fontsize=10,
            va="center_baseline",
            transform=across,
        )
    axes.set_xlim(right=right)


def spread(wanted: Sequence[float], gap: float) -> list[float]:
    """Positions in 0 .. 1, at least `gap` apart, as near as can be to the rising positions `wanted` (least squares).

    Pool adjacent violators: neighbours that are too close become one block around their mean (Barlow et al.,
    Statistical inference under order restrictions, 1972).
    """
    blocks: list[list[float]] = []  # sum, count
    for index, position in enumerate(wanted):
        blocks.append([position - index * gap, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    top = 1 - (len(wanted) - 1) * gap
    means = [min(max(total / count, 0.0), top) for total, count in blocks for _ in range(int(count))]
    return [mean + index * gap for index, mean in enumerate(means)]
