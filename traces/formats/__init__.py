"""Trace file formats: one module each, found by name or told from the first bytes of a file.

A format is a module with

    VERSION: int                                        # raise it when `read` comes to read differently
    def sniff(head, name) -> bool                       # is a file of this name, beginning with `head`, mine?
    def read(source, add, *, option=default) -> Facts   # calls add(Batch) until the file is read

where the keyword-only arguments of `read` are the format's options. What `read` raises names file and line.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from kvreplay import parameters

from ..errors import TraceError

# In the order of asking: the formats that can be told for certain come first.
_MODULES = {
    "table": "table",
    "bailian": "bailian",
    "mooncake": "mooncake",
    "prompts": "prompts",
    "azure": "azure",
    "burstgpt": "burstgpt",
    "oracleGeneral": "oracle_general",
    "questions": "questions",
    "columns": "columns",
    "keys": "keys",
}


@dataclass(frozen=True)
class Facts:
    """What a reader learned about the whole file."""

    page_tokens: int | None = None
    meta: dict[str, Any] = field(default_factory=dict)  # JSON values for the trace's metadata
    notes: list[str] = field(default_factory=list)  # what a person who reads its results should know


class Format(Protocol):
    """What a format's module holds."""

    VERSION: int

    def sniff(self, head: bytes, name: str) -> bool: ...

    @property
    def read(self) -> Callable[..., Facts]: ...


def names() -> list[str]:
    """The formats there are."""
    return list(_MODULES)


def find(name: str) -> Format:
    """The format called `name`. Raises TraceError, with the nearest name, where there is none."""
    if name not in _MODULES:
        raise TraceError(f"unknown trace format {name!r}", mend=parameters.nearest(name, names()))
    module: Any = importlib.import_module(f".{_MODULES[name]}", __package__)
    return module


def sniff(head: bytes, name: str) -> str | None:
    """The format of the file called `name` that begins with `head` (decompressed); None where nothing fits."""
    return next((known for known in names() if find(known).sniff(head, name)), None)
