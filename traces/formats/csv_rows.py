"""Rows of a CSV or TSV file as columns of text, and those as numbers: what the CSV readers share."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .fields import MAX_TOKENS
from .source import Source

_ROWS = 1 << 16


class Rows(NamedTuple):
    """Some of a file's rows."""

    source: Source
    names: list[str]  # of the columns, for errors
    lines: list[int]  # (R,) where each row ends
    columns: list[tuple[str, ...]]  # each (R,)

    def numbers(self, column: int) -> np.ndarray:
        """(R,) float64, possibly NaN. Raises TraceError at the first text that is no number."""
        texts = self.columns[column]
        try:
            return np.array(list(map(float, texts)))
        except ValueError:
            bad = next(i for i, text in enumerate(texts) if not _is_number(text))
        raise self.error(bad, column, "a number")

    def integers(self, column: int, high: int = MAX_TOKENS) -> np.ndarray:
        """(R,) int64, each from 0 to `high`. Raises TraceError at the first text that is no such number."""
        values = self.numbers(column)
        good = (values >= 0) & (values <= high) & (values == np.floor(values))
        if not good.all():
            raise self.error(int(np.argmin(good)), column, f"a whole number from 0 to {high}")
        return values.astype(np.int64)

    def error(self, row: int, column: int, expected: str) -> Exception:
        """The error to raise for a text that is not what was `expected`."""
        what = f"{self.names[column]} is {self.columns[column][row][:40]!r}"
        return self.source.error(what, line=self.lines[row], mend=f"it must be {expected}")


def read_rows(source: Source, *, delimiter: str = ",", header: bool = True) -> Iterator[Rows]:
    """The file's rows, many at a time; blank lines are skipped. With a `header`, the first Rows may be empty.

    Raises TraceError for a row that has not as many fields as the first one, and for broken quoting.
    """
    reader = csv.reader((text for _, text in source.lines()), delimiter=delimiter, strict=True)
    try:
        first = next((row for row in reader if row), None)
        if first is None:
            raise source.error("is empty", mend="fetch or write the file again")
        if header:
            rows, lines = [], []
            names = [name.strip() for name in first]
        else:
            rows, lines = [first], [reader.line_num]
            names = [f"column {i}" for i in range(1, len(first) + 1)]
        for row in reader:
            if len(row) != len(first):
                if not row:
                    continue
                what = f"{len(row)} fields, the first row has {len(first)}"
                raise source.error(what, line=reader.line_num, mend="correct the row or the delimiter")
            rows.append(row)
            lines.append(reader.line_num)
            if len(rows) == _ROWS:
                yield Rows(source, names, lines, list(zip(*rows, strict=True)))
                rows, lines = [], []
    except csv.Error as error:
        raise source.error(f"broken CSV ({error})", line=reader.line_num, mend="correct the quoting") from error
    yield Rows(source, names, lines, list(zip(*rows, strict=True)) or [()] * len(names))


def locate(rows: Rows, names: Sequence[str]) -> list[int]:
    """Where the columns called `names` stand. Raises TraceError for the first that is missing."""
    for name in names:
        if name not in rows.names:
            what = f"has no column {name!r}, only {', '.join(rows.names)[:200]}"
            raise rows.source.error(what, line=1, mend="name the column, or another format")
    return [rows.names.index(name) for name in names]


def first_row(head: bytes) -> str:
    """The first line of a file that begins with `head`, without its end."""
    return head.decode(errors="replace").removeprefix("\ufeff").partition("\n")[0].rstrip("\r")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
