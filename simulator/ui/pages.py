"""What the pages over a folder of runs show, as HTML that needs no scripts."""

from __future__ import annotations

import html
import math
from collections import defaultdict
from pathlib import Path
from urllib.parse import quote

from kvreplay.simulator.experiment import open_results
from kvreplay.simulator.experiment.baseline import Move, moves
from kvreplay.simulator.report import ReportError, compare
from kvreplay.simulator.report import table as tables
from kvreplay.simulator.report.html import as_html, document
from kvreplay.simulator.report.html import page as report_page
from kvreplay.simulator.report.table import Table
from kvreplay.simulator.report.workloads import METRICS

from . import runs
from .runs import Run


def index(folder: Path, words: str) -> str:
    """Every run whose line has all of `words`, the last one first; two of them may be chosen to be compared."""
    every = [runs.describe(name, path) for name, path in runs.find(folder).items()]
    every.sort(key=lambda run: run.name)
    every.sort(key=lambda run: run.finished, reverse=True)
    shown = [run for run in every if all(word in " ".join(run).lower() for word in words.lower().split())]
    header = ["run", "first", "second", "state", "cells", "finished (UTC)", "traces", "policies", "commit"]
    head = "".join(f'<th scope="col">{name}</th>' for name in header)
    lines = "".join(_line(run) for run in shown if not run.damage)
    damaged = "".join(
        f"<li><b>{html.escape(run.name)}</b>: {html.escape(run.damage)}</li>" for run in shown if run.damage
    )
    parts = [
        f"<h1>Runs in {html.escape(str(folder))}</h1>",
        '<form class="controls" role="search"><label>Only with these words '
        f'<input type="search" name="words" value="{html.escape(words)}"></label> <button>Filter</button></form>',
        f'<p class="caption" role="status">{len(shown)} of {len(every)} runs.</p>',
        f'<form action="compare"><div class="scroll" tabindex="0"><table class="runs"><thead><tr>{head}</tr></thead>'
        f"<tbody>{lines}</tbody></table></div>"
        f'<p class="controls">{_metrics("hit_ratio")} <button>Compare second with first</button></p></form>',
        f'<h2>Damaged or not finished</h2><ul class="missing">{damaged}</ul>' if damaged else "",
    ]
    return document("kvreplay: runs", parts)


def _line(run: Run) -> str:
    name, address = html.escape(run.name), quote(run.name, safe="", errors="surrogateescape")
    chosen = "".join(
        f'<td><input type="radio" name="{side}" value="{name}" aria-label="{side}: {name}" required></td>'
        for side in ("first", "second")
    )
    rest = (run.state, run.cells, run.finished, run.traces, run.policies, run.commit)
    cells = "".join(f"<td>{html.escape(text)}</td>" for text in rest)
    return f'<tr><th scope="row"><a href="report?run={address}">{name}</a></th>{chosen}{cells}</tr>'


def report(folder: Path) -> str:
    """The report of a run, made now where it has none."""
    written = folder / "report.html"
    if written.is_file() and not written.is_symlink():  # a link may lead anywhere
        return written.read_text(encoding="utf-8")
    return report_page(open_results(folder))


def comparison(first: tuple[str, Path], second: tuple[str, Path], metric: str) -> str:
    """What the second of two runs, each a name and a folder, has more than the first; and every figure that moved."""
    (name_a, folder_a), (name_b, folder_b) = first, second
    a, b = open_results(folder_a), open_results(folder_b)
    try:
        found = compare(a, b, metrics=(metric,))
        paired, notes = tables.differences(found, metric), found.notes
    except ReportError as error:
        paired, notes = None, [str(error)]
    sides = "".join(
        f'<input type="hidden" name="{side}" value="{html.escape(name)}">'
        for side, name in (("first", name_a), ("second", name_b))
    )
    parts = [
        '<p><a href="./">All runs</a></p>',
        f"<h1>{html.escape(name_b)} against {html.escape(name_a)}</h1>",
        f'<form class="controls">{sides}{_metrics(metric)} <button>Show</button></form>',
        "<h2>Differences, and how sure they are</h2>",
        *(f'<p class="missing">{html.escape(note)}</p>' for note in notes),
        _table(paired) if paired else "",
        "<h2>Cells that are not the same to the last digit</h2>",
        f'<div class="words">{_table(_moved(moves(a, b), metric))}</div>',
    ]
    return document(f"kvreplay: {name_b} against {name_a}", parts)


def _moved(found: list[Move], metric: str) -> Table:
    """A line for each cell that moved, those first whose `metric` moved most."""
    cells: dict[str, dict[str, Move]] = defaultdict(dict)
    for move in found:
        cells[move.cell][move.metric] = move

    def line(cell: str, own: dict[str, Move]) -> list[str]:
        shown = own.get("cell") or own.get(metric)
        others = [name for name in own if name not in ("cell", metric)]
        first, second, difference = shown.texts if shown else ("–", "–", "–")
        return [cell, difference, first, second, ", ".join(others)]

    def distance(own: dict[str, Move]) -> float:
        return abs(own[metric].difference or 0.0) if metric in own else math.inf if "cell" in own else 0.0

    lines = [line(cell, own) for cell, own in sorted(cells.items(), key=lambda item: -distance(item[1]))]
    return Table(f"{len(lines):,} cells", ["cell", "difference", "first", "second", "what else moved"], lines)


def _table(content: Table) -> str:
    return as_html(content) if content.rows else f"<p>{html.escape(content.title)}</p>"


def problem(title: str, message: str) -> str:
    """A page that says what is wrong."""
    parts = [f"<h1>{html.escape(title)}</h1>", f'<p class="missing">{html.escape(message)}</p>']
    return document(title, [*parts, '<p><a href="./">All runs</a></p>'])


def _metrics(chosen: str) -> str:
    options = (
        f'<option value="{name}"{" selected" if name == chosen else ""}>{label}</option>'
        for name, label in METRICS.items()
    )
    return f'<label>Metric <select name="metric">{"".join(options)}</select></label>'
