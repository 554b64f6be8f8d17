"""A trace's summary as one figure: arrivals, lengths, popularity, reuse, working sets, prefixes, unlimited cache."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from kvreplay.files import write_whole
from kvreplay.traces.statistics import WINDOWS, Summary

from . import numbers
from .figure import to_png, to_svg
from .style import INFINITE, SETTINGS
from .trace_text import time_unit

_BLUE, _ORANGE, _GREEN = "#0072b2", "#d55e00", "#009e73"
_POINTS = 400  # of a curve: more cannot be seen


def draw(summary: Summary, path: Path) -> None:
    """Draw what `summary` knows into `path`, a .png or .svg, whole or not at all."""
    figure = compose(summary)
    picture = to_svg(figure) if path.suffix == ".svg" else to_png(figure)
    write_whole(path, picture)


def compose(summary: Summary) -> Figure:
    """The figure: a panel for each thing that the trace tells."""
    panels = [panel for panel, known in _panels(summary) if known]
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    with mpl.rc_context(SETTINGS):
        layout = ConstrainedLayoutEngine(wspace=0.06, hspace=0.08)
        figure = Figure(figsize=(4 * columns, 3.1 * rows + 0.5), layout=layout)
        for index, panel in enumerate(panels):
            axes = figure.add_subplot(rows, columns, index + 1)
            panel(axes, summary)
            for axis in (axes.xaxis, axes.yaxis):
                if axis.get_scale() != "linear":  # matplotlib writes powers of ten in mathematics, which we switch off
                    axis.set_major_formatter(lambda value, _: numbers.short_size(value, "pages"))
                    axis.set_minor_formatter(lambda value, _: "")
        figure.suptitle(_title(summary), fontsize=12, fontweight="bold")
    return figure


def _panels(summary: Summary) -> list[tuple[Callable[[Axes, Summary], None], bool]]:
    lengths = summary.prompt_tokens is not None or summary.output_tokens is not None
    timed = summary.arrivals is not None and summary.arrivals.duration_seconds > 0
    reuse = summary.reuse
    return [
        (_draw_arrivals, timed),
        (_draw_lengths, lengths),
        (_draw_popularity, summary.popularity is not None),
        (_draw_reuse_distance, reuse is not None and reuse.distance is not None),
        (_draw_reuse_time, reuse is not None and reuse.seconds is not None),
        (_draw_working_sets, summary.working_sets is not None and len(summary.working_sets.sets) > 0),
        (_draw_decay, summary.decay is not None),
        (_draw_depths, summary.tree is not None),
        (_draw_branches, summary.tree is not None),
        (_draw_hit_ratios, summary.unlimited_cache is not None),
        # Last, so that there is always something to show: the only panel of a trace that knows nothing else.
        (_draw_nothing, not (timed or lengths or summary.popularity)),
    ]


def _title(summary: Summary) -> str:
    pages = f", {summary.page_accesses:,} accesses to {summary.distinct_pages:,} pages" if summary.page_accesses else ""
    unknown = "" if summary.page_accesses else " (times and lengths only: no page identity)"
    return f"{summary.trace.name}: {summary.requests:,} requests{pages}{unknown}"


def _draw_arrivals(axes: Axes, summary: Summary) -> None:
    arrivals = summary.arrivals
    assert arrivals is not None
    assert arrivals.requests_per_second is not None
    width = arrivals.duration_seconds / WINDOWS
    unit, length = time_unit(arrivals.duration_seconds)
    edges = np.linspace(0, arrivals.duration_seconds / length, WINDOWS + 1)
    axes.stairs(arrivals.per_window / width, edges, fill=True, color=_BLUE, alpha=0.8)
    axes.axhline(arrivals.requests_per_second, color=_ORANGE, label=f"mean {arrivals.requests_per_second:,.3g}")
    axes.set(
        title=f"Arrivals (CV of the gaps {arrivals.interarrival_cv:.2f})",
        xlabel=f"time, {unit}",
        ylabel="requests/s",
    )
    axes.set_xlim(0, edges[-1])
    axes.legend(frameon=False, fontsize=8)


def _draw_lengths(axes: Axes, summary: Summary) -> None:
    columns = (
        ("prompt", summary.trace.prompt_tokens, _BLUE),
        ("output", summary.trace.output_tokens, _ORANGE),
    )
    for label, values, colour in columns:
        if values is not None:
            _draw_shares(axes, np.sort(values), colour, f"{label}, median {np.median(values):,.0f}")
    axes.set(title="Prompt and output lengths", xlabel="tokens", ylabel="share of requests ≤", ylim=(0, 1.02))
    axes.legend(frameon=False, fontsize=8, handlelength=1)


def _draw_popularity(axes: Axes, summary: Summary) -> None:
    popularity = summary.popularity
    assert popularity is not None
    ranks = np.unique(np.geomspace(1, len(popularity.frequencies), _POINTS).astype(np.int64))
    axes.loglog(ranks, popularity.frequencies[ranks - 1], ".", color=_BLUE, markersize=4, label="pages")
    if popularity.zipf_exponent is not None:
        total = (np.arange(1, len(popularity.frequencies) + 1.0) ** -popularity.zipf_exponent).sum()
        fitted = popularity.frequencies.sum() * ranks**-popularity.zipf_exponent / total
        label = f"Zipf {popularity.zipf_exponent:.2f} (KS {popularity.zipf_distance:.2f})"
        axes.loglog(ranks, fitted, color=_ORANGE, label=label)
    title = f"Popularity ({popularity.one_hit_wonders:.0%} one-hit wonders)"
    axes.set(title=title, xlabel="rank of the page", ylabel="accesses", ylim=(0.7, None))
    axes.legend(frameon=False, fontsize=8)


def _draw_reuse_distance(axes: Axes, summary: Summary) -> None:
    assert summary.reuse is not None
    assert summary.unlimited_cache is not None
    hits = np.cumsum(summary.reuse.distance_counts) / summary.page_accesses
    pages = np.unique(np.geomspace(1, len(hits), _POINTS).astype(np.int64))
    axes.semilogx(pages, hits[pages - 1], color=_BLUE)
    ratio = summary.unlimited_cache.page_hit_ratio
    axes.axhline(ratio, color=INFINITE, linestyle="--", linewidth=1)
    label = f" unlimited cache {ratio:.3f}"
    axes.text(0, ratio, label, transform=axes.get_yaxis_transform(), va="bottom", fontsize=8, color=INFINITE)
    axes.set(
        title="Reuse distance, as LRU's curve",
        xlabel="cache size, pages",
        ylabel="page hit ratio of LRU",
    )
    axes.set_ylim(0, 1.15 * ratio)


def _draw_reuse_time(axes: Axes, summary: Summary) -> None:
    assert summary.reuse is not None
    times = np.sort(summary.reuse.times)
    _draw_shares(axes, times, _BLUE, f"median {np.median(times):,.3g} s")
    axes.set(title="Reuse time", xlabel="seconds since the last access", ylabel="share of reuses ≤", ylim=(0, 1.02))
    axes.legend(frameon=False, fontsize=8)


def _draw_working_sets(axes: Axes, summary: Summary) -> None:
    found = summary.working_sets
    assert found is not None
    unit, length = time_unit(float(found.times[-1])) if found.unit == "seconds" else ("requests", 1)
    for each, colour in zip(reversed(found.sets), (_ORANGE, _BLUE, _GREEN), strict=False):
        axes.semilogy(found.times / length, each.sizes, color=colour, label=f"{each.window:,.0f}")
    axes.set(title=f"Working set (windows in {found.unit})", xlabel=f"time, {unit}", ylabel="distinct pages")
    axes.set_xlim(0, found.times[-1] / length)
    axes.set_ylim(top=4 * max(each.max for each in found.sets))  # room for the legend
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="upper left", columnspacing=1, handlelength=1)


def _draw_decay(axes: Axes, summary: Summary) -> None:
    decay, found = summary.decay, summary.working_sets
    assert decay is not None
    assert found is not None
    axes.loglog(decay.ages, [rate or np.nan for rate in decay.rates], "o-", color=_BLUE, markersize=4)
    title = f"Popularity decay (half by {decay.age_of(0.5):,.0f})"
    unit = found.unit.removesuffix("s")
    axes.set(title=title, xlabel=f"age of the page at most, {found.unit}", ylabel=f"repeats a page and {unit}")


def _draw_depths(axes: Axes, summary: Summary) -> None:
    tree = summary.tree
    assert tree is not None
    axes.stairs(tree.pages_at_depth, np.arange(len(tree.pages_at_depth) + 1) + 0.5, fill=True, color=_BLUE, alpha=0.8)
    title = f"Prefix tree ({tree.branching:.1%} of pages branch)"
    axes.set(title=title, xlabel="depth, pages from the start", ylabel="distinct pages", yscale="log")
    axes.set_xlim(0.5, len(tree.pages_at_depth) + 0.5)


def _draw_branches(axes: Axes, summary: Summary) -> None:
    tree = summary.tree
    assert tree is not None
    ranks = np.arange(1, len(tree.top_branches) + 1)
    bars = axes.barh(ranks, tree.top_branches, color=_BLUE, height=0.6)
    axes.bar_label(bars, fmt="{:.1%}", padding=3, fontsize=8)
    axes.invert_yaxis()
    label = f"share of requests, behind a trunk of {tree.trunk:,}" if tree.trunk else "share of requests"
    axes.set(title=f"Largest of {tree.branches:,} branches", xlabel=label, yticks=ranks)
    axes.set_xlim(0, 1.2 * max(tree.top_branches, default=1))
    axes.xaxis.set_major_formatter("{x:.0%}" if max(tree.top_branches, default=1) > 0.05 else "{x:.1%}")
    axes.grid(visible=False, axis="y")


def _draw_hit_ratios(axes: Axes, summary: Summary) -> None:
    unlimited = summary.unlimited_cache
    assert unlimited is not None
    known = unlimited.known()
    bars = axes.barh(list(known), list(known.values()), color=_BLUE, height=0.6)
    axes.bar_label(bars, fmt="%.3f", padding=3, fontsize=9)
    axes.invert_yaxis()
    axes.set(title="Unlimited cache", xlabel="hit ratio", xlim=(0, 1.12))
    axes.grid(visible=False, axis="y")


def _draw_nothing(axes: Axes, summary: Summary) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, "the trace carries neither times, lengths nor pages", ha="center", transform=axes.transAxes)


def _draw_shares(axes: Axes, ordered: np.ndarray, colour: str, label: str) -> None:
    """The share of values at or below x, on a log axis; where there are zeros, its beginning is linear."""
    at = np.unique(np.linspace(0, len(ordered) - 1, _POINTS).astype(np.int64))
    axes.step(ordered[at], (at + 1) / len(ordered), where="post", color=colour, label=label)
    if ordered[0] > 0:
        axes.set_xscale("log")
    else:
        smallest = ordered[np.searchsorted(ordered, 0, side="right") :][:1]
        axes.set_xscale("symlog", linthresh=max([1e-3, *smallest]))
        axes.set_xlim(left=0)
