"""summary.md: the findings and the tables, short enough for a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from kvreplay.simulator.experiment.store import Results

from . import answers, beside, findings, provenance, samples, servers, sizes, table
from .workloads import Workload, about_pages, workloads


def page(results: Results, metric: str = "hit_ratio") -> str:
    """The summary as Markdown."""
    found = workloads(results.rows)
    run = results.run
    parts = [f"# {table.escape(provenance.name(run))}"]
    parts += [table.escape(provenance.question(run)), table.escape(provenance.state(run))]
    said = answer(found, metric)
    parts.append("\n".join(f"- **{table.escape(what)}**: {table.escape(text)}" for what, text in said))
    answered = answers.table(results.rows.iter_rows(named=True))
    if answered is not None:
        parts.append(f"**{table.escape(answered.title)}**\n\n{table.as_markdown(answered)}")
    rows = list(results.rows.iter_rows(named=True))
    for served in (*servers.tables(rows), *beside.tables(rows)):
        parts.append(f"**{table.escape(served.title)}**\n\n{table.as_markdown(served)}")
    for workload in about_pages(found):
        best = table.best(findings.find(workload, metric))
        contents = (table.ratios(workload, metric), table.ways(workload, metric), best) if workload.rows else ()
        for content in filter(None, (*sizes.tables(workload), *contents)):
            parts.append(f"**{table.escape(content.title)}**\n\n{table.as_markdown(content)}")
    made = run.get("provenance") or {}
    dirty = ", with changes" if made.get("dirty") else ""
    parts.append(
        f"kvreplay {made.get('version', 'of unknown version')}, commit {made.get('commit') or 'unknown'}{dirty}"
    )
    return "\n\n".join(filter(None, parts)) + "\n"


def answer(found: Sequence[Workload], metric: str) -> list[tuple[str, str]]:
    """What the rows say in words, as (of what, text)."""
    rows, pages = [row for w in found for row in (*w.rows, *w.resized)], about_pages(found)
    fronts = [*servers.answer(rows), *beside.answer(rows), *answers.answer(rows)]
    said = findings.answer(pages, metric) if pages or not fronts else []
    return [*fronts, *said, *samples.answer(pages), *sizes.answer(pages)]
