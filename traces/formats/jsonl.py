"""JSON objects, one a line: what the JSONL readers share."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..errors import TraceError
from .fields import MAX_TOKENS
from .source import Source

_GROUP = 1 << 22  # characters of text that are parsed at a time


class Record(NamedTuple):
    """One line's object."""

    source: Source
    line: int
    fields: dict[str, Any]

    def error(self, what: str, mend: str = "") -> TraceError:
        """The error to raise for `what` in this line."""
        return self.source.error(what, line=self.line, mend=mend)

    def integer(self, name: str) -> int:
        """The token count called `name`. Raises TraceError unless it is a whole number from 0 to MAX_TOKENS."""
        value = self.fields.get(name)
        if type(value) is not int or not 0 <= value <= MAX_TOKENS:
            raise self._wrong(name, f"a whole number from 0 to {MAX_TOKENS}")
        return value

    def number(self, name: str) -> float:
        """The number called `name`, as a float. Raises TraceError where it is none; NaN is one."""
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300:
            raise self._wrong(name, "a number")
        return float(value)

    def label(self, name: str) -> str | int | None:
        """The text or whole number called `name`, None where there is none. Raises TraceError for anything else."""
        value = self.fields.get(name)
        if value is not None and type(value) not in (str, int):
            raise self._wrong(name, "a text or a whole number")
        return value

    def _wrong(self, name: str, expected: str) -> TraceError:
        if name not in self.fields:
            return self.error(f"has no {name!r}", mend=f"{name!r} must be {expected}")
        return self.error(f"{name!r} is {_short(self.fields[name])}", mend=f"it must be {expected}")


def groups(source: Source, optional: tuple[str, ...] = ()) -> Iterator[list[Record]]:
    """The file's objects, some megabytes at a time; blank lines are skipped.

    Raises TraceError for a line that is no JSON object, and for one that has a field of `optional` which the
    first object lacks.
    """
    group: list[Record] = []
    size = 0
    first: dict[str, Any] | None = None
    for line, text in source.lines():
        if not text or text.isspace():
            continue
        record = Record(source, line, _object(source, line, text))
        first = record.fields if first is None else first
        for name in optional:
            if name in record.fields and name not in first:
                raise record.error(f"has a {name!r}, the first request has none", mend="give all one or none")
        group.append(record)
        size += len(text)
        if size >= _GROUP:
            yield group
            group, size = [], 0
    if group:
        yield group


def has_fields(head: bytes, *names: str) -> bool:
    """Whether a file that begins with `head` has, on its first line, an object with fields of these names."""
    line = head.removeprefix(b"\xef\xbb\xbf").lstrip().partition(b"\n")[0]
    return line.startswith(b"{") and all(re.search(rb'(?<!\\)"%s"\s*:' % name.encode(), line) for name in names)


def parse(source: Source, text: str, line: int, mend: str) -> Any:
    """The JSON value that `text`, which begins in `line`, is. Raises TraceError where it is none."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise source.error(f"is not JSON ({error.msg})", line=line + error.lineno - 1, mend=mend) from error
    except (ValueError, RecursionError) as error:
        raise source.error("is not JSON (nested too deeply or too long a number)", line=line, mend=mend) from error


def _object(source: Source, line: int, text: str) -> dict[str, Any]:
    value = parse(source, text, line, "write one object a line")
    if not isinstance(value, dict):
        raise source.error(f"is {_short(value)}, not an object", line=line, mend="write one object a line")
    return value


def _short(value: Any) -> str:
    # repr() of an integer beyond 4,300 digits raises; json.loads has refused those.
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
