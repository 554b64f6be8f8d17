"""Stacks in front of the pages, as a report tells one from another."""

from __future__ import annotations

from collections.abc import Iterable

from .workloads import Row, divides_memory


def fronts(rows: Iterable[Row]) -> list[Row]:
    """One row for each front that ran: cells that differ in the pages alone have the same, unless both share memory."""
    found: dict[tuple, Row] = {}
    for row in rows:
        if row["stack"] is not None:
            divided = (row["sizing"], row["capacity"]) if divides_memory(row) else None
            found.setdefault((row["trace"], row["trace_hash"], row["stack"], row["warmup"], row["seed"], divided), row)
    return list(found.values())


def is_set(row: Row) -> bool:
    """Whether the threshold was given, not found by a rule."""
    threshold = row["semantic_threshold"]
    return threshold is not None and row["semantic_rule"] == f"{threshold:g}"


def parts_of(row: Row) -> tuple[str, ...]:
    """What is said of each tier in the label of a stack, but for threshold and embedder."""
    return tuple(
        f"{tier.partition(' ')[0]} {part}"
        for tier in row["stack"].split(" > ")
        for part in tier.split(" ")
        if not part.startswith(("threshold=", "embedder="))
    )


def name_of(parts: tuple[str, ...], every: list[tuple[str, ...]]) -> str:
    """What tells a stack from the others: values, and of a parameter that not all have its name. Empty if nothing."""
    own = [part for part in parts if not all(part in other for other in every)]
    keys = [{part.partition("=")[0] for part in other} for other in every]
    return ", ".join(
        part.partition("=")[2] if all(part.partition("=")[0] in other for other in keys) else part.partition(" ")[2]
        for part in own
    )
