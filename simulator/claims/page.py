"""The report on claims: claimed beside obtained, how the figures move, and why they are what they are."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import NamedTuple

from kvreplay.simulator.report.html import as_html, document
from kvreplay.simulator.report.numbers import percent
from kvreplay.simulator.report.table import Table, as_markdown, escape

from .outcomes import Figure, Outcome
from .target import Target

TITLE = "What was claimed, and what this code gives"
READING = (
    "An interval is Student's at 95 %, over seeds of the workload or rounds of a measurement. A claim is as claimed "
    "where some of that interval lies in the claimed range; a single claimed figure is as precise as it was written. "
    "Counted: hits of replays, the same on every machine. Measured: on this machine, now. Modelled: arithmetic over "
    "shapes and counted pages."
)


class Section(NamedTuple):
    """One file of claims, examined."""

    question: str
    outcomes: list[Outcome]


def markdown(sections: Sequence[Section]) -> str:
    """The report as Markdown."""
    parts = [f"# {TITLE}", READING]
    for section in sections:
        parts += [f"## {escape(section.question)}", as_markdown(overview(section.outcomes))]
        parts += [f"**{escape(table.title)}**\n\n{as_markdown(table)}" for table in movements(section.outcomes)]
        parts += [f"- **{escape(claim)}**: {escape(why)}" for claim, why in reasons(section.outcomes)]
    return "\n\n".join(parts) + "\n"


def page(sections: Sequence[Section]) -> str:
    """The report as one HTML file that needs nothing else."""
    parts = [f"<h1>{TITLE}</h1>", f'<p class="caption">{html.escape(READING)}</p>']
    for section in sections:
        parts += [f"<h2>{html.escape(section.question)}</h2>", as_html(overview(section.outcomes))]
        parts += map(as_html, movements(section.outcomes))
        items = [f"<dt>{html.escape(c)}</dt><dd>{html.escape(w)}</dd>" for c, w in reasons(section.outcomes)]
        parts.append(f"<dl>{''.join(items)}</dl>" if items else "")
    return document(TITLE, ['<div class="words">', *parts, "</div>"])


def overview(outcomes: Sequence[Outcome]) -> Table:
    """A row for each claim."""
    rows = [
        [
            outcome.claim.says,
            outcome.claim.claimed.text,
            _shown(outcome.claim.claimed, outcome.figure),
            outcome.verdict,
            outcome.figure.kind,
        ]
        for outcome in outcomes
    ]
    return Table("Claimed and obtained", ["claim", "claimed", "obtained", "verdict", "which is"], rows)


def movements(outcomes: Sequence[Outcome]) -> list[Table]:
    """How each figure moves with the parameters of its workload, where those were varied."""
    return [
        Table(
            f"{outcome.claim.says}: with other parameters of the workload",
            ["parameter", "obtained"],
            [[knob, _shown(outcome.claim.claimed, figure)] for knob, figure in outcome.varied],
        )
        for outcome in outcomes
        if outcome.varied
    ]


def reasons(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    """Each claim that has an explanation, and the explanation."""
    return [(outcome.claim.says, outcome.claim.why) for outcome in outcomes if outcome.claim.why]


def _shown(target: Target, figure: Figure) -> str:
    text = target.show(figure.value)
    if figure.half_width:
        low, high = figure.value - figure.half_width, figure.value + figure.half_width
        text += f" ({target.show(low)} to {target.show(high)})"
    return text if figure.precision is None else f"{text}, {percent(figure.precision, 1)} of the hits right"
