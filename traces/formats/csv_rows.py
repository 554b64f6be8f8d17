"""Rows of a CSV or TSV file as columns of text, and those as numbers: what the CSV readers share."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from ..errors import TraceError
from .fields import MAX_TOKENS
from .source import Source

_ROWS = 1 << 16  # parsed at a time by the book


class Rows(NamedTuple):
    """Some of a file's rows."""

    source: Source
    names: list[str]  # of the columns, for errors
    lines: Sequence[int]  # (R,) where each row ends
    columns: Sequence[Sequence[str]]  # each (R,)

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

    def error(self, row: int, column: int, expected: str) -> TraceError:
        """The error to raise for a text that is not what was `expected`."""
        what = f"{self.names[column]} is {self.columns[column][row][:40]!r}"
        return self.source.error(what, line=self.lines[row], mend=f"it must be {expected}")


def read_rows(source: Source, *, delimiter: str = ",", header: bool = True) -> Iterator[Rows]:
    """The file's rows, some megabytes at a time; blank lines are skipped. With a `header`, the first may be none.

    Raises TraceError for a row that has not as many fields as the first one, and for broken quoting.
    """
    names: list[str] = []
    texts = source.texts()
    for line, text in texts:
        if not names:
            first, _, rest = text.partition("\n")
            names = _first_row(source, first, delimiter)
            if header:
                line, text = line + 1, rest
            else:
                names = [f"column {i}" for i in range(1, len(names) + 1)]
        columns = _split(text, delimiter, len(names))
        if columns is None:
            # Something is quoted, blank or wrong: from here on by the book, which takes several times as long.
            yield from _by_the_book(source, line, chain([text], (later for _, later in texts)), delimiter, names)
            return
        yield Rows(source, names, range(line, line + len(columns[0])), columns)


def _first_row(source: Source, line: str, delimiter: str) -> list[str]:
    try:
        fields = next(csv.reader([line], delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise source.error(f"broken CSV ({error})", line=1, mend="correct the quoting") from error
    if not fields:
        raise source.error("is blank", line=1, mend="begin the file with its first row")
    return [field.strip() for field in fields]


def _split(text: str, delimiter: str, width: int) -> list[list[str]] | None:
    """The columns of whole lines of `width` plain fields; None where a line is anything else."""
    if '"' in text or "\r" in text or "\n\n" in text or text.startswith("\n"):
        return None
    # A field keeps its line end, and then must be the last of `width`.
    fields = text.replace("\n", "\n" + delimiter).split(delimiter)[:-1]
    columns = [fields[i::width] for i in range(width)]
    columns[-1] = "".join(columns[-1]).split("\n")[:-1]
    rows = text.count("\n")
    return columns if len(fields) == rows * width and len(columns[-1]) == rows else None


def _by_the_book(source: Source, first: int, texts: Iterable[str], delimiter: str, names: list[str]) -> Iterator[Rows]:
    reader = csv.reader(
        (part + "\n" for text in texts for part in text.split("\n")[:-1]), delimiter=delimiter, strict=True
    )
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        for row in reader:
            line = first - 1 + reader.line_num
            if row and len(row) != len(names):
                what = f"{len(row)} fields, the first row has {len(names)}"
                raise source.error(what, line=line, mend="correct the row or the delimiter")
            if row:
                rows.append(row)
                lines.append(line)
            if len(rows) == _ROWS:
                yield Rows(source, names, lines, list(zip(*rows, strict=True)))
                rows, lines = [], []
    except csv.Error as error:
        line = first - 1 + reader.line_num
        raise source.error(f"broken CSV ({error})", line=line, mend="correct the quoting") from error
    if rows:
        yield Rows(source, names, lines, list(zip(*rows, strict=True)))


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
