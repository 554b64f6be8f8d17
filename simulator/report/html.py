"""report.html: one file that needs nothing else, for a phone, a desk and paper, in light and dark."""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Sequence
from importlib.resources import files

from kvreplay.simulator.experiment.store import Results

from . import answers, beside, explorer, figure, findings, plots, provenance, servers, sizes, summary, table
from .glossary import DEFINITIONS
from .plots import FIGURES
from .table import Table
from .workloads import METRICS, Workload, about_pages, workloads

_PICTURES = 1_000_000  # characters; of many workloads the rest is in plots/, or the page would be slow to open

_CAPTIONS = {
    "capacity": "Grey is what the best online policy leaves to the offline optimum, which knows the future. No cache "
    "passes the dashed line: a page has to come once before it can hit. A band is the range over seeds.",
    "heat-map": "Purple is better than LRU, orange is worse. The gains of all capacities are summed, then divided by "
    "the gap to the offline optimum; below -100 % a policy loses more than that gains. Workloads on which LRU or the "
    "optimum did not run are left out; where they ran on none, blue shows the ratio itself.",
    "time": "Each point is 1/25 of the requests. The first ones find an empty cache.",
    "size": "Capacities that move with what is observed, and the fixed one that they start from, or the parts of one "
    "that is divided. Each point above is 1/50 of the requests.",
    "answers": "Hits in shares of the requests that met the stack; precision is the true among the hits that could be "
    "judged. Cosines of two embedders do not compare: neither do their thresholds. A band is the range over seeds.",
    "false-hits": "Both in shares of the requests that met the stack; up and to the left is better. Along a line the "
    "threshold falls; a threshold that was found by a rule, or moves, is a point.",
    "load": "At the middle capacity. Grey is what is offered, dotted the last load with which a server keeps up. "
    "Latencies of one that does not would grow with the trace, and are left out.",
    "latency": "Of all requests of the ten quickest servers, at the highest rate at which every server keeps up, or "
    "else the lowest, and the middle capacity.",
    "ttft": "At the highest rate at which every server keeps up, or else the lowest; lines join the capacities.",
    "places": "At that rate, or else the lowest, and the middle capacity. What is missing to 100 % was computed.",
    "replicas": "At that rate, or else the lowest, and the middle capacity; no more is served than is "
    "offered. Grey: all that so many replicas could serve.",
    "memory": "Read it from left to right: the memory that a ratio costs under each policy.",
}


def page(results: Results, metric: str = "hit_ratio") -> str:
    """The whole report as HTML. Everything that comes from a run is escaped."""
    found = workloads(results.rows)
    name, asked, missing = provenance.name(results.run), provenance.question(results.run), provenance.state(results.run)
    parts = [
        f"<h1>{html.escape(name)}</h1>",
        f'<p class="question">{html.escape(asked)}</p>' if asked else "",
        f'<p class="missing">{html.escape(missing)}</p>' if missing else "",
        '<div class="answer">',
        *(f"<p><b>{html.escape(what)}</b>: {html.escape(text)}</p>" for what, text in summary.answer(found, metric)),
        "</div>",
        *explorer.parts(results, found, metric),
        *_pictures(found, metric),
        *_tables(results, found, metric),
        '<h2 id="provenance">Provenance</h2>',
        _definition_list(provenance.facts(results.run), "facts"),
        "<h2>Experiment</h2>",
        f"<pre>{html.escape(provenance.experiment(results.run))}</pre>",
        "<h2>What the words mean</h2>",
        _definition_list(DEFINITIONS.items()),
    ]
    return document(name, parts, [_asset("picture.js"), _asset("explorer.js")], _asset("explorer.css"))


def document(title: str, parts: Iterable[str], scripts: Sequence[str] = (), style: str = "") -> str:
    """A whole HTML page in the look of the reports. Its `parts` are HTML already.

    No browser loads anything for it, nor runs any script but `scripts`: its policy of content says so.
    """
    scripts = [_asset("theme.js"), *scripts]
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in scripts)
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {hashes}; base-uri 'none'; form-action 'self'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{_asset('report.css')}{style}</style></head><body>\n"
        + "\n".join([*filter(None, parts), *(f"<script>{script}</script>" for script in scripts)])
        + "\n</body></html>\n"
    )


def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _pictures(found: Sequence[Workload], metric: str) -> Iterable[str]:
    drawn = 0
    for kind, (heading, _) in FIGURES.items():
        panels = plots.panels(kind, found, metric)
        if not panels:
            continue
        text = heading.format(metric=METRICS[metric])
        yield f"<h2>{html.escape(text[0].upper() + text[1:])}</h2>"
        yield f'<p class="caption">{html.escape(_CAPTIONS[kind])}</p><div class="panels">'
        for index, panel in enumerate(panels):
            if drawn > _PICTURES:
                yield f'<p class="caption">{len(panels) - index} more are in plots/{kind}.svg.</p>'
                break
            # Without the XML prologue, which HTML does not know.
            svg = figure.to_svg(figure.compose([panel]), salt=f"{kind}{index}")
            svg = svg[svg.index("<svg") :]
            drawn += len(svg)
            wide = " wide" if kind == "heat-map" else ""
            label = html.escape(f"{text}: {panel.title}")
            yield f'<figure class="panel{wide}" role="img" aria-label="{label}">{svg}</figure>'
        yield "</div>"


def _tables(results: Results, found: Sequence[Workload], metric: str) -> Iterable[str]:
    yield "<h2>Tables</h2>"
    answered = answers.table(results.rows.iter_rows(named=True))
    if answered is not None:
        yield as_html(answered)
    rows = list(results.rows.iter_rows(named=True))
    yield from map(as_html, [*servers.tables(rows), *beside.tables(rows)])
    for workload in about_pages(found):
        yield from map(as_html, sizes.tables(workload))
        if not workload.rows:
            continue
        yield as_html(table.ratios(workload, metric))
        ways = table.ways(workload, metric)
        if ways is not None:
            yield as_html(ways)
        best = findings.find(workload, metric)
        if best:
            yield as_html(table.best(best))
        yield from map(as_html, table.counters(workload))
    speed = table.speed(results)
    if speed is not None:
        yield as_html(speed)


def as_html(content: Table) -> str:
    """A heading and a table that scrolls by itself where it is too wide."""
    head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in content.header)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in content.rows)
    return (
        f'<h3>{html.escape(content.title)}</h3><div class="scroll" tabindex="0">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _definition_list(pairs: Iterable[tuple[str, str]], look: str = "") -> str:
    items = "".join(f"<dt>{html.escape(what)}</dt><dd>{html.escape(text)}</dd>" for what, text in pairs)
    return f'<dl class="{look}">{items}</dl>'
