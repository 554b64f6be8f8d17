"""Any CSV or TSV file with a key in one column; which column holds what is said by name or by number."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from ..builder import Batch
from ..errors import TraceError
from . import Facts
from .csv_rows import Rows, first_row, locate, read_rows
from .fields import MAX_COST, Clock, Labels, key_hashes
from .source import Source

VERSION = 2

Column = str | int | None  # a name, or a number from 1

_DELIMITERS = "\t,;| "
_MAX_BYTES = 1 << 50
_PER_SECOND = {"s": 1, "ms": 1e3, "us": 1e6, "ns": 1e9}


def sniff(head: bytes, name: str) -> bool:
    return b"\0" not in head and any(mark in first_row(head) for mark in "\t,;|")


def read(
    source: Source,
    add: Callable[[Batch], None],
    *,
    key: Column = None,
    time: Column = None,
    time_unit: Literal["s", "ms", "us", "ns"] = "s",
    size: Column = None,
    cost: Column = None,
    session: Column = None,
    tenant: Column = None,
    delimiter: str | None = None,
    header: bool | None = None,
) -> Facts:
    """`key`, and if wanted `time`, `size` (bytes), `cost` (of a miss), `session` and `tenant`: column names, or numbers
    from 1.

    Without `key` the first row must name columns, and those called key, time, size, cost, session and tenant are taken.
    `header`: whether the first row holds names; by default it does if a column was given by name. `delimiter`: by
    default the first of tab, comma, semicolon, bar and space that is in the first row.
    """
    top = first_row(source.head())
    if delimiter is None:
        delimiter = next((mark for mark in _DELIMITERS if mark in top), ",")
    elif len(delimiter) != 1 or delimiter in '"\r\n':
        raise source.error(f"delimiter {delimiter!r} is not usable", mend="give one character")
    if key is None:
        named = [name.strip().strip('"') for name in top.split(delimiter)]
        if "key" not in named:
            raise source.error("no column is called key", mend=f"say which holds it (--option key=…), of: {top[:200]}")
        key = "key"
        time, size, cost, session, tenant = (
            given if given is not None else role if role in named else None
            for role, given in zip(
                ("time", "size", "cost", "session", "tenant"), (time, size, cost, session, tenant), strict=True
            )
        )
    wanted = {"key": key, "time": time, "size": size, "cost": cost, "session": session, "tenant": tenant}
    if header is None:
        header = any(_number(column) is None for column in wanted.values() if column is not None)
    clock, sessions, tenants = Clock(source, _PER_SECOND[time_unit]), Labels(), Labels()
    for rows in read_rows(source, delimiter=delimiter, header=header):
        at = {role: _place(rows, column) for role, column in wanted.items() if column is not None}
        add(
            Batch(
                keys=_keys(rows, at["key"]),
                arrival=clock.seconds(rows.numbers(at["time"]), rows.lines) if "time" in at else None,
                key_bytes=rows.integers(at["size"], _MAX_BYTES) if "size" in at else None,
                key_costs=_costs(rows, at["cost"]) if "cost" in at else None,
                session=sessions.number(rows.columns[at["session"]]) if "session" in at else None,
                tenant=tenants.number(rows.columns[at["tenant"]]) if "tenant" in at else None,
            )
        )
    return Facts(meta={"start": clock.start})


def _number(column: Column) -> int | None:
    """The number that `column` is, also where it was written as text."""
    return int(column) if isinstance(column, int) or (column or "").isdecimal() else None  # type: ignore[arg-type]


def _place(rows: Rows, column: str | int) -> int:
    number = _number(column)
    if number is None:
        return locate(rows, [str(column)])[0]
    if not 1 <= number <= len(rows.names):
        raise TraceError(
            f"no column {number}, only {len(rows.names)}", file=rows.source.path, mend="count columns from 1"
        )
    return number - 1


def _costs(rows: Rows, column: int) -> np.ndarray:
    """(R,) float64."""
    costs = rows.numbers(column)
    good = (costs >= 0) & (costs <= MAX_COST)
    if not good.all():
        raise rows.error(int(np.argmin(good)), column, f"a number from 0 to {MAX_COST:g}")
    return costs


def _keys(rows: Rows, column: int) -> np.ndarray:
    """(R,) uint64."""
    # No text holds a null character: the file would have been refused.
    keys, lengths = key_hashes("".join(f"{text}\0" for text in rows.columns[column]).encode(), b"\0")
    if lengths.min(initial=1) == 0:
        raise rows.error(int(np.argmin(lengths)), column, "a key")
    return keys
