"""What was modelled beside what was measured: the same cells under both clocks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from . import numbers
from .servers import plainly, varied
from .table import Table
from .workloads import Row

# What a cell of either clock is told from the others by.
_SAME = (
    *("trace", "trace_hash", "policy", "capacity", "capacity_unit", "seed", "warmup", "stack"),
    *("model", "rate", "concurrency"),
)
_COUNTS = ("requests", "hits", "tokens_saved", "answered", "semantic_false_hits", "preemptions", "refused")

# Figures: heading -> (column, how it is written).
_TIMES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "mean time to the first token": ("ttft_mean", lambda seconds: f"{1e3 * seconds:,.1f} ms"),
    "mean time between tokens": ("tpot_mean", lambda seconds: f"{1e3 * seconds:,.2f} ms"),
    "mean time to the end": ("e2e_mean", lambda seconds: f"{1e3 * seconds:,.1f} ms"),
    "output tokens a second": ("output_tokens_per_second", "{:,.4g}".format),
}


def pairs(rows: Iterable[Row]) -> dict[str, list[tuple[Row, Row]]]:
    """Rows of one cell, modelled and measured, by trace."""
    cells: dict[tuple[Any, ...], dict[str | None, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        cells[tuple(row[name] for name in _SAME)][row["clock"]].append(row)
    found: dict[str, list[tuple[Row, Row]]] = defaultdict(list)
    for clocks in cells.values():
        for modelled in clocks["modelled"]:
            found[modelled["trace"]] += [(modelled, measured) for measured in clocks["measured"]]
    return {trace: own for trace, own in found.items() if own}


def tables(rows: Iterable[Row]) -> list[Table]:
    """Of each trace: a line for each cell and figure."""
    return [_table(trace, own) for trace, own in pairs(rows).items()]


def _table(trace: str, own: list[tuple[Row, Row]]) -> Table:
    differ = varied([modelled for modelled, _ in own])
    cells = []
    for modelled, measured in own:
        of = [plainly(modelled[name]) for name in differ]
        equal = "yes" if not _unequal(modelled, measured) else "no: " + ", ".join(_unequal(modelled, measured))
        ratios = [numbers.percent(row["token_hit_ratio"] or 0.0, 2) for row in (modelled, measured)]
        cells.append([*of, "token hit ratio", *ratios, f"all counts equal: {equal}"])
        for what, (name, form) in _TIMES.items():
            if modelled[name] is not None and measured[name] is not None:
                off = f"{_off(modelled, measured, name):+.1%}"
                cells.append([*of, what, form(modelled[name]), form(measured[name]), off])
    columns = [*differ, "figure", "modelled", "measured", "modelled is off by"]
    return Table(f"{trace}: modelled beside measured", columns, cells)


def answer(rows: Iterable[Row]) -> list[tuple[str, str]]:
    """Of each trace whether hits are equal under both clocks, and how far off the times are, in words."""
    found = []
    for trace, own in pairs(rows).items():
        equal = sum(not _unequal(*pair) for pair in own)
        counts = "all counts are equal" if equal == len(own) else f"counts are equal in {equal}"
        off = {
            what: max(abs(_off(*pair, name)) for pair in own if None not in (pair[0][name], pair[1][name]))
            for what, (name, _) in _TIMES.items()
            if any(None not in (modelled[name], measured[name]) for modelled, measured in own)
        }
        worst = max(off, key=lambda what: off[what], default=None)
        times = "" if worst is None else f"; no mean is off by more than {off[worst]:.0%} ({worst})"
        found.append((f"{trace}, modelled beside measured", f"of {len(own)} cells {counts}{times}."))
    return found


def _unequal(modelled: Row, measured: Row) -> list[str]:
    return [name for name in _COUNTS if modelled[name] != measured[name]]


def _off(modelled: Row, measured: Row, name: str) -> float:
    return modelled[name] / measured[name] - 1
