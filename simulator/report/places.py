"""Where servers found prompt tokens: in the memory of a replica, in each tier below it, at other replicas."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from . import numbers
from .figure import HEIGHT, LABEL_CHARACTER, LABEL_GAP, Panel
from .panels import BLUE, GREEN, GREY, ORANGE
from .servers import at_rate, by_title, distinguishing, named, one_capacity, one_rate
from .style import Look
from .workloads import Row, Workload

_COLOURS = (BLUE, GREEN, ORANGE, GREY)
_WIDTH = 44  # characters of a label


def panels(workloads: Sequence[Workload], metric: str, looks: dict[str, Look]) -> list[Panel]:
    """Per trace a bar for each server, where some load pages from elsewhere, at one rate and capacity."""
    found = []
    for title, rows in by_title(workloads).items():
        same = one_capacity(one_rate(rows))
        if any(row["loaded_token_ratio"] for row in same):
            names = distinguishing(same)
            labels = numbers.shorten((named(row, names) for row in same), _WIDTH)
            left = LABEL_CHARACTER * max(map(len, labels)) + 0.2
            height = max(HEIGHT, len(same) * LABEL_GAP)
            draw = partial(_draw, rows=same, labels=labels)
            found.append(Panel(f"{title}{at_rate(same)}", draw, height=height, left=left, bottom=0.85))
    return found


def _draw(axes: Axes, *, rows: Sequence[Row], labels: Sequence[str]) -> None:
    shares = [{"hit": row["token_hit_ratio"] or 0.0, **json.loads(row["loaded"] or "{}")} for row in rows]
    left = np.zeros(len(rows))
    places = dict.fromkeys(place for own in shares for place in own)
    for place, colour in zip(places, itertools.cycle(_COLOURS), strict=False):
        widths = np.array([own.get(place) or 0.0 for own in shares])
        axes.barh(np.arange(len(rows)), widths, left=left, height=0.7, color=colour, label=place)
        left += widths
    axes.set_yticks(np.arange(len(rows)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set(xlabel="prompt tokens hit, or loaded from")
    axes.xaxis.set_major_formatter(lambda value, _: numbers.percent(value, 0))
    height = axes.bbox.height / axes.figure.dpi
    axes.legend(fontsize=8, ncols=len(places), loc="upper center", bbox_to_anchor=(0.5, -0.42 / height), frameon=False)
