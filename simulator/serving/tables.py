"""Rows of many simulations: which settings they differ in, a table that compares them, and a file that keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from kvreplay.simulator.report import numbers
from kvreplay.simulator.report.table import Table

_FOLLOW = ("page_tokens", "pages")
_FIGURES = "requests"  # the first column that is a result: those before it are settings

# What the table shows: heading -> column.
_SHOWN = {
    "verdict": "verdict",
    "offered/s": "offered_requests_per_second",
    "requests/s": "requests_per_second",
    "output tokens/s": "output_tokens_per_second",
    "ttft p50 ms": "ttft_p50",
    "ttft p99 ms": "ttft_p99",
    "tpot p50 ms": "tpot_p50",
    "e2e p99 ms": "e2e_p99",
    "handover p50 ms": "handover_p50",
    "goodput/s": "goodput",
    "token hit ratio": "token_hit_ratio",
    "loaded": "loaded_token_ratio",
    "hit or loaded": "reused_token_ratio",
    "busy": "utilisation",
    "prefill busy": "prefill_utilisation",
    "decode busy": "decode_utilisation",
}


def varied(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The settings in which `rows` differ, but for what follows from others."""
    settings = [name for name in list(rows[0])[: list(rows[0]).index(_FIGURES)] if name not in _FOLLOW]
    return [name for name in settings if len({str(row[name]) for row in rows}) > 1]


def comparison(rows: Sequence[dict[str, Any]]) -> Table:
    """A line per simulation: what it differs in from the others, and what came of it."""
    differ = varied(rows)
    shown = {heading: name for heading, name in _SHOWN.items() if any(row[name] for row in rows)}
    lines = [
        [*(str(row[name]) for name in differ), *(_cell(heading, row[name]) for heading, name in shown.items())]
        for row in rows
    ]
    one = rows[0]
    title = (
        f"{one['trace']} on {one['replicas']} x {one['model']}, {one['device']}; modelled (step cost: {one['cost']})"
    )
    return Table(title, [*differ, *shown], lines)


def write_rows(rows: Sequence[dict[str, Any]], folder: str | Path) -> None:
    """Write rows.parquet into `folder`, made if need be."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(path / "rows.parquet")


def _cell(heading: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    if heading.endswith(" ms"):
        return f"{1e3 * value:,.1f}"
    return (
        numbers.percent(value, 1)
        if heading in ("token hit ratio", "loaded", "hit or loaded", "busy", "prefill busy", "decode busy")
        else f"{value:,.4g}"
    )
