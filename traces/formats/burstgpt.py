"""BurstGPT CSV: ``Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type``, lengths only.

Times are in seconds. Later releases add ``Session ID`` (and ``Elapsed time``) for conversations. Published with
"BurstGPT: A Real-World Workload Dataset to Optimize LLM Serving Systems", KDD 2025.
"""

from __future__ import annotations

from collections.abc import Callable

from ..builder import Batch
from . import Facts
from .csv_rows import first_row, locate, read_rows
from .fields import Clock, Labels
from .source import Source

VERSION = 1

_COLUMNS = ("Timestamp", "Request tokens", "Response tokens")
_SESSION = "Session ID"


def sniff(head: bytes, name: str) -> bool:
    return {*_COLUMNS, "Log Type"} <= set(first_row(head).split(","))


def read(source: Source, add: Callable[[Batch], None]) -> Facts:
    """Takes no options. Failed requests, which have no response tokens, stay in: they were prefilled too."""
    clock, sessions = Clock(source), Labels()
    for rows in read_rows(source):
        time, prompt, output = locate(rows, _COLUMNS)
        session = rows.names.index(_SESSION) if _SESSION in rows.names else None
        add(
            Batch(
                arrival=clock.seconds(rows.numbers(time), rows.lines),
                prompt_tokens=rows.integers(prompt),
                output_tokens=rows.integers(output),
                session=None if session is None else sessions.number(rows.columns[session]),
            )
        )
    return Facts(meta={"start": clock.start})
