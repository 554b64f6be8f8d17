"""This project's own tables, Parquet or Arrow IPC (Feather): a row per request, the columns of a Trace.

`keys`, a list of page keys (or `key`, a single one), `sizes` (or `size`; bytes, as many as there are keys; they may
change), `costs` (or `cost`; of missing each key, in any unit, the first counts),
`arrival` (s), `prompt_tokens`, `output_tokens`, `session`, `tenant`, `intent`, `text`, and `page_tokens`, the same in
every row. Each may be left out. In Parquet, the file's metadata under ``kvreplay`` hold the trace's, as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..builder import Batch
from ..errors import TraceError
from ..trace import Trace
from . import Facts
from .fields import MAX_COST, MAX_TOKENS, Clock, Labels
from .source import Source

if TYPE_CHECKING:
    import polars as pl

VERSION = 2

_METADATA = "kvreplay"
_ACCESSES = 1 << 20  # page accesses in a row group
_ROWS = 1 << 14  # requests read at a time
_MAX_BYTES = 1 << 50


def sniff(head: bytes, name: str) -> bool:
    return head.startswith((b"PAR1", b"ARROW1"))


def read(source: Source, add: Callable[[Batch], None]) -> Facts:
    """Takes no options."""
    import polars as pl

    head = source.head()
    if not sniff(head, source.path.name):
        raise source.error("is neither Parquet nor Arrow", mend="name its format")
    parquet = head.startswith(b"PAR1")
    _try_aside(source, "scan_parquet" if parquet else "scan_ipc")
    meta = _metadata(source) if parquet else {}
    lazy = pl.scan_parquet(source.path) if parquet else pl.scan_ipc(source.path)
    clock, sessions, tenants, intents = Clock(source, from_first=False), Labels(), Labels(), Labels()
    page_tokens = None
    rows = 0
    try:
        for frame in lazy.collect_batches(chunk_size=_ROWS, maintain_order=True):
            table = _Frame(source, frame, rows)
            rows += frame.height
            page_tokens = table.constant("page_tokens", page_tokens)
            keys, counts = table.lists("key", "keys", pl.UInt64)
            sizes, size_counts = table.lists("size", "sizes", pl.Int64)
            if sizes is not None and not _belong(sizes, size_counts, keys, counts, _MAX_BYTES):
                raise source.error("sizes do not match the keys", mend=f"give each key one, from 0 to {_MAX_BYTES}")
            costs, cost_counts = table.lists("cost", "costs", pl.Float64)
            if costs is not None and not _belong(costs, cost_counts, keys, counts, MAX_COST):
                raise source.error("costs do not match the keys", mend=f"give each key one, from 0 to {MAX_COST:g}")
            add(
                Batch(
                    keys=keys,
                    counts=counts,
                    key_bytes=sizes,
                    key_costs=costs,
                    arrival=None if (times := table.numbers("arrival")) is None else clock.seconds(times),
                    prompt_tokens=table.integers("prompt_tokens"),
                    output_tokens=table.integers("output_tokens"),
                    session=table.labels("session", sessions),
                    tenant=table.labels("tenant", tenants),
                    intent=table.labels("intent", intents),
                    texts=table.texts("text"),
                )
            )
    except pl.exceptions.PolarsError as error:
        raise _unreadable(source, str(error)) from error
    return Facts(page_tokens, meta)


def write_table(trace: Trace, path: Path) -> None:
    """Write `trace` as a table to `path`, .parquet or .arrow, whole or not at all; `read` gives the same trace back.

    Raises TraceError for any other suffix, or where the file cannot be written.
    """
    import polars as pl
    from polars.io.plugins import register_io_source

    if path.suffix not in (".parquet", ".arrow"):
        raise TraceError("unknown kind of table", file=path, mend="end its name in .parquet or .arrow")
    rows = max(1, min(_ACCESSES, _ACCESSES * trace.n_requests // max(1, trace.n_accesses)))

    def frames(*_: Any) -> Iterator[pl.DataFrame]:
        return (_frame(trace, start, start + rows) for start in range(0, trace.n_requests, rows))

    lazy = register_io_source(frames, schema=_frame(trace, 0, 0).schema)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=path.parent) as scratch:
        partial = Path(scratch) / path.name
        try:
            if path.suffix == ".parquet":
                lazy.sink_parquet(partial, row_group_size=rows, metadata={_METADATA: json.dumps(dict(trace.meta))})
            else:
                lazy.sink_ipc(partial, compression="zstd")
        except (OSError, pl.exceptions.PolarsError) as error:
            reason = " ".join(str(error).split())[:200]
            raise TraceError(f"cannot be written ({reason})", file=path, mend="write it elsewhere") from error
        partial.replace(path)


def _frame(trace: Trace, start: int, stop: int) -> pl.DataFrame:
    """Requests `start` up to `stop` as rows."""
    import polars as pl

    stop = min(stop, trace.n_requests)
    series = []
    if trace.has_pages:
        first, last = int(trace.offsets[start]), int(trace.offsets[stop])
        columns = {"key": trace.pages[first:last].astype(np.uint64)}
        if trace.access_bytes is not None:
            columns["size"] = trace.access_bytes[first:last]
        elif trace.page_bytes is not None:
            columns["size"] = trace.page_bytes[trace.pages[first:last]]
        if trace.page_cost is not None:
            columns["cost"] = trace.page_cost[trace.pages[first:last]]
        for name, values in columns.items():
            if trace.page_offsets is None:
                series.append(pl.Series(name, values))
            else:
                # Series, not arrays: polars would take arrays of one length for a matrix.
                cuts = map(pl.Series, np.split(values, trace.page_offsets[start + 1 : stop] - first))
                dtype = pl.List({"key": pl.UInt64, "size": pl.Int64, "cost": pl.Float64}[name])
                series.append(pl.Series(f"{name}s", list(cuts) if stop > start else [], dtype))
    for name in ("arrival", "prompt_tokens", "output_tokens", "session", "tenant", "intent"):
        column = getattr(trace, name)
        if column is not None:
            series.append(pl.Series(name, column[start:stop]))
    if trace.text_offsets is not None and trace.text_bytes is not None:
        bounds = zip(trace.text_offsets[start:stop], trace.text_offsets[start + 1 : stop + 1], strict=True)
        texts = [trace.text_bytes[begin:end].tobytes().decode() for begin, end in bounds]
        series.append(pl.Series("text", texts, pl.String))
    if trace.page_tokens is not None:
        series.append(pl.Series("page_tokens", np.full(stop - start, trace.page_tokens, np.int64)))
    return pl.DataFrame(series)


def _try_aside(source: Source, scan: str) -> None:
    """Read the table once in another process: damaged ones can make polars abort the process that reads them."""
    code = "import sys, polars as pl\nfor _ in getattr(pl, sys.argv[1])(sys.argv[2]).collect_batches(): pass"
    command = [sys.executable, "-c", code, scan, str(source.path)]
    child = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if child.returncode:
        raise _unreadable(source, child.stderr.rstrip().rpartition("\n")[2] if child.returncode > 0 else "crash")


def _unreadable(source: Source, reason: str) -> TraceError:
    return source.error(f"unreadable table ({' '.join(reason.split())[:200]})", mend="write the file again")


def _metadata(source: Source) -> dict[str, Any]:
    import polars as pl

    try:
        meta = json.loads(pl.read_parquet_metadata(source.path).get(_METADATA, "{}"))
    except (ValueError, RecursionError):
        meta = None
    if not isinstance(meta, dict):
        raise source.error(f"its metadata under {_METADATA!r} are no JSON object", mend="write the file again")
    return meta


def _belong(
    values: np.ndarray,
    value_counts: np.ndarray | None,
    keys: np.ndarray | None,
    counts: np.ndarray | None,
    most: float,
) -> bool:
    """Whether there is a value from 0 to `most` for every key."""
    if keys is None or len(values) != len(keys) or not ((values >= 0) & (values <= most)).all():
        return False
    if counts is None or value_counts is None:
        return counts is value_counts
    return np.array_equal(counts, value_counts)


class _Frame:
    """Some rows of a table, column by column; None for a column that the table lacks."""

    def __init__(self, source: Source, frame: pl.DataFrame, rows_before: int) -> None:
        self._source = source
        self._frame = frame
        self._rows_before = rows_before

    def _column(self, name: str, expected: str, fits: Callable[[pl.DataType], bool]) -> pl.Series | None:
        if name not in self._frame.columns:
            return None
        column = self._frame[name]
        if not fits(column.dtype):
            raise self._source.error(f"column {name} is {column.dtype}", mend=f"it must be {expected}")
        if column.null_count():
            row = self._rows_before + int(np.argmax(column.is_null().to_numpy())) + 1
            raise self._source.error(f"{name} is missing", row=row, mend=f"it must be {expected}")
        return column

    def numbers(self, name: str) -> np.ndarray | None:
        """(R,) float64."""
        column = self._column(name, "a number", lambda dtype: dtype.is_numeric())
        return None if column is None else column.to_numpy().astype(np.float64)

    def integers(self, name: str, low: int = 0, high: int = MAX_TOKENS) -> np.ndarray | None:
        """(R,), each from `low` to `high`."""
        expected = f"a whole number from {low} to {high}"
        column = self._column(name, expected, lambda dtype: dtype.is_integer())
        if column is None:
            return None
        values = column.to_numpy()
        good = (values >= low) & (values <= high)
        if not good.all():
            bad = int(np.argmin(good))
            what = f"{name} is {values[bad]}"
            raise self._source.error(what, row=self._rows_before + bad + 1, mend=f"it must be {expected}")
        return values

    def constant(self, name: str, value: int | None) -> int | None:
        """The number that all rows share, and share with `value` unless that is None."""
        values = self.integers(name, 1, 10**6)
        if values is None or len(values) == 0:
            return value
        if values.min() != values.max() or (value is not None and values[0] != value):
            raise self._source.error(f"{name} differs from row to row", mend="give all rows the same")
        return int(values[0])

    def labels(self, name: str, labels: Labels) -> np.ndarray | None:
        """(R,) numbers as they are, texts numbered by `labels`."""
        import polars as pl

        if name in self._frame.columns and self._frame[name].dtype == pl.String:
            return labels.number(self._frame[name].to_list())
        return self.integers(name, -1, np.iinfo(np.int32).max)

    def texts(self, name: str) -> list[str] | None:
        """R texts."""
        import polars as pl

        column = self._column(name, "text", lambda dtype: dtype == pl.String)
        return None if column is None else column.to_list()

    def lists(self, one: str, many: str, dtype: Any) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The numbers in column `one`, or those in the lists of column `many` and how many each row has."""
        import polars as pl

        whole = dtype.is_integer()

        def fits(found: pl.DataType) -> bool:
            return found.is_integer() if whole else found.is_numeric()

        numbers = "whole numbers" if whole else "numbers"
        single = self._column(one, f"a {numbers[:-1]}", fits)
        if single is not None:
            return single.cast(dtype).to_numpy(), None
        lists = self._column(many, f"a list of {numbers}", lambda found: found.base_type() is pl.List)
        if lists is None:
            return None, None
        values = lists.explode(empty_as_null=False)
        if not fits(values.dtype) or values.null_count():
            raise self._source.error(f"a list in {many} holds no {numbers}", mend="correct the column")
        return values.cast(dtype).to_numpy(), lists.list.len().to_numpy().astype(np.int32)
