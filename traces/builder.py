"""From batches of raw columns to a Trace: keys numbered, parents found, columns spooled to memory or disk."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from . import store
from .errors import TraceError
from .page_ids import PageIds, record_firsts, record_parents
from .trace import COLUMNS, Trace

_PART = 1 << 20  # values of a column on disk that are looked at together


class Batch(NamedTuple):
    """A run of requests, as a reader or generator yields them. A column is in every batch or in none."""

    keys: np.ndarray | None = None  # (K,) uint64: page keys, request after request; None: lengths only
    counts: np.ndarray | None = None  # (R,) int32: pages of each request; None: one each
    arrival: np.ndarray | None = None  # (R,) float64, seconds
    prompt_tokens: np.ndarray | None = None  # (R,)
    output_tokens: np.ndarray | None = None  # (R,)
    session: np.ndarray | None = None  # (R,)
    tenant: np.ndarray | None = None  # (R,)
    intent: np.ndarray | None = None  # (R,)
    texts: list[str] | None = None  # R prompts
    key_bytes: np.ndarray | None = None  # (K,) int64: size of the object behind each key, which may change
    key_costs: np.ndarray | None = None  # (K,) float64: what a miss of each key costs; a key's first one counts


class TraceBuilder:
    """Collects batches into one Trace: in memory, or streamed into a store folder when `folder` is given.

    Use it as a context manager: an exception inside leaves nothing half-written behind.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._spool = None
        if folder is not None:
            folder.parent.mkdir(parents=True, exist_ok=True)
            self._spool = tempfile.TemporaryDirectory(prefix=".partial-", dir=folder.parent)
        self._columns: dict[str, _Column] = {}
        self._ids = PageIds()
        self._parent = np.empty(0, np.int32)
        self._page_bytes = np.empty(0, np.int64)  # first sizes
        self._page_cost = np.empty(0, np.float64)
        self._prefixes = True  # until a page is seen behind two different pages
        self._fields: tuple[str, ...] | None = None
        self.n_requests = 0
        self.size_changes = self.cost_changes = 0  # page accesses that gave another one than the page's first

    def __enter__(self) -> TraceBuilder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._spool is not None:
            for column in self._columns.values():
                column.close()
            self._spool.cleanup()

    def add(self, batch: Batch) -> None:
        """Append a batch. Raises TraceError where it carries other columns than the first one did."""
        fields = tuple(name for name in batch._fields if getattr(batch, name) is not None)
        if self._fields is None:
            self._fields = fields
        elif fields != self._fields:
            raise TraceError(f"batch has the columns {fields}, the first one had {self._fields}")
        if batch.keys is not None:
            self._add_pages(batch.keys, batch)
        for name in ("arrival", "prompt_tokens", "output_tokens", "session", "tenant", "intent"):
            values = getattr(batch, name)
            if values is not None:
                self._append(name, values)
        if batch.texts is not None:
            self._add_texts(batch.texts)
        first = next((getattr(batch, name) for name in fields if not name.startswith("key")), batch.keys)
        self.n_requests += 0 if first is None else len(first)

    def finish(self, name: str, *, page_tokens: int | None = None, meta: dict[str, Any] | None = None) -> Trace:
        """The trace of all batches; its columns are mapped from the stored folder where one was asked for."""
        if self.n_requests == 0:
            raise TraceError(f"trace {name!r} has no requests")
        n_pages = self._ids.n_pages
        fields: dict[str, Any] = {"pages": np.empty(0, np.uint32)}
        if "pages" not in self._columns:
            fields["page_offsets"] = np.zeros(self.n_requests + 1, np.int64)
        if self._fields and "counts" in self._fields and self._prefixes:
            fields["parent"] = self._parent[:n_pages]
        if self._fields and "key_bytes" in self._fields:
            fields["page_bytes"] = self._page_bytes[:n_pages]
        if self._fields and "key_costs" in self._fields:
            fields["page_cost"] = self._page_cost[:n_pages]
        fields |= {name: column.values() for name, column in self._columns.items()}
        if "access_bytes" in fields:
            np.maximum.at(fields["page_bytes"], fields["pages"], fields["access_bytes"])
        trace = Trace(name=name, n_pages=n_pages, page_tokens=page_tokens, meta=meta or {}, **fields)
        if self._folder is None or self._spool is None:
            return trace
        # The spooled columns are the greater part of the store already.
        store.seal(trace, Path(self._spool.name), self._folder)
        return trace

    def _add_pages(self, keys: np.ndarray, batch: Batch) -> None:
        known = self._ids.n_pages
        pages = self._ids.assign(keys)
        n_pages = self._ids.n_pages
        if batch.counts is not None:
            self._parent = _with_room(self._parent, n_pages)
            if self._prefixes:
                self._prefixes = bool(record_parents(pages, batch.counts, known, self._parent))
            self._append_offsets("page_offsets", batch.counts)
        if batch.key_bytes is not None:
            self._page_bytes = _with_room(self._page_bytes, n_pages)
            self.size_changes += record_firsts(pages, batch.key_bytes, known, self._page_bytes)
            if self.size_changes:
                self._append_sizes(batch.key_bytes)
        if batch.key_costs is not None:
            self._page_cost = _with_room(self._page_cost, n_pages)
            self.cost_changes += record_firsts(pages, batch.key_costs, known, self._page_cost)
        self._append("pages", pages)

    def _append_sizes(self, key_bytes: np.ndarray) -> None:
        """The size at every access: kept from the first change on, because most traces have none."""
        if "access_bytes" not in self._columns and "pages" in self._columns:
            for pages in self._columns["pages"].parts():  # accesses before this batch: all of first sizes
                self._append("access_bytes", self._page_bytes[pages])
        self._append("access_bytes", key_bytes)

    def _add_texts(self, texts: list[str]) -> None:
        encoded = [text.encode() for text in texts]
        self._append("text_bytes", np.frombuffer(b"".join(encoded), np.uint8))
        self._append_offsets("text_offsets", np.fromiter(map(len, encoded), np.int64, len(encoded)))

    def _append_offsets(self, name: str, lengths: np.ndarray) -> None:
        if name not in self._columns:
            self._append(name, np.zeros(1, np.int64))
        column = self._columns[name]
        offsets = np.cumsum(lengths, dtype=np.int64) + column.last
        self._append(name, offsets)

    def _append(self, name: str, values: np.ndarray) -> None:
        if name not in self._columns:
            file = None if self._spool is None else Path(self._spool.name) / name
            self._columns[name] = _Column(np.dtype(COLUMNS[name][0]), file)
        self._columns[name].append(values)


class _Column:
    """One growing column, as a list of arrays or as a file."""

    def __init__(self, dtype: np.dtype, path: Path | None) -> None:
        self._dtype = dtype
        self._chunks: list[np.ndarray] = []
        self._path = path
        self._file = None if path is None else path.open("wb")
        self.last: Any = 0

    def append(self, values: np.ndarray) -> None:
        values = np.ascontiguousarray(values, self._dtype)
        if len(values):
            self.last = values[-1]
        if self._file is None:
            self._chunks.append(values)
            return
        try:
            values.tofile(self._file)
        except OSError as error:
            mend = "make room on that disk, or set KVREPLAY_CACHE_DIR to another"
            raise TraceError(f"cannot be written ({error})", file=self._path, mend=mend) from error

    def parts(self) -> Iterator[np.ndarray]:
        """What was appended so far, in pieces."""
        if self._file is None or self._path is None:
            yield from self._chunks
            return
        self._file.flush()
        whole = store.map_column(self._path, self._dtype)
        for start in range(0, len(whole), _PART):
            yield whole[start : start + _PART]

    def values(self) -> np.ndarray:
        if self._file is None or self._path is None:
            # One chunk at a time is freed while the whole is filled: the peak stays near one copy.
            whole = np.empty(sum(map(len, self._chunks)), self._dtype)
            at = len(whole)
            while self._chunks:
                chunk = self._chunks.pop()
                at -= len(chunk)
                whole[at : at + len(chunk)] = chunk
            return whole
        self._file.flush()
        return store.map_column(self._path, self._dtype)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _with_room(array: np.ndarray, size: int) -> np.ndarray:
    if size <= len(array):
        return array
    grown = np.empty(max(size, 2 * len(array)), array.dtype)
    grown[: len(array)] = array
    return grown
