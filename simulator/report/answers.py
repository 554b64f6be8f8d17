"""What the caches of whole answers in front of the pages came to: never a hit without what was false of it."""

from __future__ import annotations

from collections.abc import Iterable

from .table import Table
from .workloads import Row, is_number


def answers(rows: Iterable[Row]) -> Table | None:
    """A line per trace, stack and warm-up, in percent of the requests that met the stack; None without a stack."""
    lines: dict[tuple, Row] = {}
    traces = set()
    for row in rows:
        if row["stack"] is not None:
            traces.add(row["trace"])
            # Cells that differ in the pages alone have the same front.
            lines.setdefault((row["trace"], row["trace_hash"], row["stack"], row["warmup"], row["seed"]), row)
    if not lines:
        return None
    cells = [
        [
            *([row["trace"]] if len(traces) > 1 else []),
            row["stack"],
            _share(row, "answered"),
            _percent(row["answered_precision"]),
            *(_share(row, f"exact_{name}") for name in ("true_hits", "false_hits")),
            *(_share(row, f"semantic_{name}") for name in ("true_hits", "false_hits")),
            _percent(row["semantic_precision"]),
            *(_share(row, f"semantic_{name}") for name in ("missed_chances", "unjudged")),
            _percent(row["semantic_recall_at_1"]),
        ]
        for row in lines.values()
    ]
    header = [
        *(["trace"] if len(traces) > 1 else []),
        "stack",
        *("answered", "precision", "exact true", "exact false", "semantic true", "semantic false"),
        *("its precision", "missed chances", "unjudged", "recall@1"),
    ]
    return Table("Answered in front of the pages, % of the requests that met the stack", header, cells)


def _share(row: Row, name: str) -> str:
    return "–" if row[name] is None else f"{100 * row[name] / row['asked']:.2f}"


def _percent(ratio: float | None) -> str:
    return f"{100 * ratio:.2f}" if is_number(ratio) and ratio is not None else "–"
