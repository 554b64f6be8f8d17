"""summary.md: the findings and the tables, short enough for a pull request."""

from __future__ import annotations

from kvreplay.simulator.experiment.store import Results

from . import findings, provenance, sizes, table
from .workloads import workloads


def page(results: Results, metric: str = "hit_ratio") -> str:
    """The summary as Markdown."""
    found = workloads(results.rows)
    run = results.run
    parts = [f"# {table.escape(provenance.name(run))}"]
    parts += [table.escape(provenance.question(run)), table.escape(provenance.state(run))]
    answer = [*findings.answer(found, metric), *sizes.answer(found)]
    parts.append("\n".join(f"- **{table.escape(what)}**: {table.escape(text)}" for what, text in answer))
    for workload in found:
        best = table.best(findings.find(workload, metric))
        contents = (table.ratios(workload, metric), table.ways(workload, metric), best) if workload.rows else ()
        for content in filter(None, (sizes.table(workload), *contents)):
            parts.append(f"**{table.escape(content.title)}**\n\n{table.as_markdown(content)}")
    made = run.get("provenance") or {}
    dirty = ", with changes" if made.get("dirty") else ""
    parts.append(
        f"kvreplay {made.get('version', 'of unknown version')}, commit {made.get('commit') or 'unknown'}{dirty}"
    )
    return "\n\n".join(filter(None, parts)) + "\n"
