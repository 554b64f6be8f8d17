"""The files of a report: summary.md, report.html and plots/, written from the table of a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from kvreplay.files import write_whole
from kvreplay.parameters import nearest
from kvreplay.simulator.experiment.store import Results, open_results

from . import html, summary
from .errors import ReportError
from .figure import compose, to_png, to_svg
from .plots import FIGURES, OF_ROWS, panels
from .workloads import METRICS, Workload, check_metric, workloads


def write_report(folder: str | Path, metric: str = "hit_ratio") -> list[Path]:
    """Make summary.md, report.html and plots/ in a run folder anew from its table; returns what was written.

    Raises ExperimentError where there are no results, and ReportError for an unknown metric.
    """
    folder = Path(folder)
    results = open_results(folder)
    check_metric(metric)
    written = [folder / "summary.md", folder / "report.html"]
    write_whole(written[0], summary.page(results, metric))
    write_whole(written[1], html.page(results, metric))
    return written + write_plots(results, folder / "plots", metric)


def write_plots(results: Results, folder: Path, metric: str = "hit_ratio", trace: str | None = None) -> list[Path]:
    """Draw every figure that the results have into `folder`, as PNG and SVG; returns what was written.

    Raises ReportError where `metric` or `trace` is unknown, or no figure has anything to show.
    """
    found = workloads(results.rows, trace)
    written = []
    for kind in FIGURES:
        figure = _figure(kind, found, metric)
        if figure is None:
            continue
        stem = kind if metric == "hit_ratio" or kind in ("time", *OF_ROWS) else f"{kind}-{metric}"
        for suffix, content in ((".png", to_png(figure)), (".svg", to_svg(figure))):
            write_whole(folder / (stem + suffix), content)
            written.append(folder / (stem + suffix))
    return written


def plot(results: Results, kind: str = "capacity", metric: str = "hit_ratio", trace: str | None = None) -> Figure:
    """One figure, by a name in FIGURES such as 'capacity' or 'answers', of every workload or of one `trace`.

    Raises ReportError where one of the names is unknown, or the results have nothing to show.
    """
    if kind not in FIGURES:
        raise ReportError(f"figure {kind!r} is unknown, {nearest(kind, list(FIGURES))}")
    figure = _figure(kind, workloads(results.rows, trace), metric)
    if figure is None:
        what = f"figure {kind}" if kind in OF_ROWS else METRICS[metric]
        raise ReportError(f"no row has a {what} to show; choose another")
    return figure


def _figure(kind: str, found: Sequence[Workload], metric: str) -> Figure | None:
    title, _ = FIGURES[kind]
    label = METRICS[check_metric(metric)]
    shown = panels(kind, found, metric)
    return compose(shown, title.format(metric=label)) if shown else None
