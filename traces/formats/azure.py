"""Azure LLM inference traces of 2023 and 2024: ``TIMESTAMP,ContextTokens,GeneratedTokens``, lengths only.

Times are dates, ``2023-11-16 18:17:03.9799600`` in 2023 and ``2024-05-10 00:00:00.009930+00:00`` in 2024. Published
with "Splitwise", ISCA 2024, and "DynamoLLM", HPCA 2025.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np

from ..builder import Batch
from . import Facts
from .csv_rows import Rows, first_row, locate, read_rows
from .fields import Clock
from .source import Source

VERSION = 1

_COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


def sniff(head: bytes, name: str) -> bool:
    return first_row(head).split(",")[:3] == list(_COLUMNS)


def read(source: Source, add: Callable[[Batch], None]) -> Facts:
    """Takes no options. Times count in whole microseconds; a date without a time zone is UTC."""
    clock = Clock(source, per_second=1e6)
    for rows in read_rows(source):
        time, prompt, output = locate(rows, _COLUMNS)
        add(
            Batch(
                arrival=clock.seconds(_microseconds(rows, time), rows.lines),
                prompt_tokens=rows.integers(prompt),
                output_tokens=rows.integers(output),
            )
        )
    start = None if clock.start is None else datetime.fromtimestamp(clock.start / 1e6, UTC).isoformat()
    return Facts(meta={"start": start})


def _microseconds(rows: Rows, column: int) -> np.ndarray:
    """(R,) int64 since 1970."""
    texts = rows.columns[column]
    zone = "" if texts and texts[0][-6:-5] in ("+", "-") else "+00:00"
    seconds = np.empty(len(texts))
    for i, text in enumerate(texts):
        try:
            seconds[i] = datetime.fromisoformat(text + zone).timestamp()
        except (ValueError, OverflowError):
            raise rows.error(i, column, "a date and time, written as in the first row") from None
    # A float64 holds today's seconds to a quarter of a microsecond: rounding restores the whole ones.
    return np.round(seconds * 1e6).astype(np.int64)
