"""The Trace: what was requested and when, as read-only columns. How it is read or stored is elsewhere."""

from __future__ import annotations

import copy
import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .errors import TraceError

# name -> (dtype, indexed by): the columns of a trace, in the order in which they are hashed and stored.
COLUMNS: dict[str, tuple[type[np.generic], str]] = {
    "pages": (np.uint32, "page access"),
    "page_offsets": (np.int64, "request + 1"),
    "arrival": (np.float64, "request"),
    "prompt_tokens": (np.int32, "request"),
    "output_tokens": (np.int32, "request"),
    "session": (np.int32, "request"),
    "tenant": (np.int32, "request"),
    "intent": (np.int32, "request"),
    "text_bytes": (np.uint8, "byte"),
    "text_offsets": (np.int64, "request + 1"),
    "parent": (np.int32, "page"),
    "page_bytes": (np.int64, "page"),
    "page_cost": (np.float64, "page"),
    "access_bytes": (np.int64, "page access"),
}

_PART = 1 << 18  # entries of a column looked at together


@dataclass(frozen=True, eq=False)
class Trace:
    """A request trace. Every column but `pages` may be None: absent, not zero.

    Two requests share a page id exactly when they share the whole token prefix up to that page's end, so a
    classic key trace is a trace of one page per request. Ids are dense: 0 .. n_pages - 1, numbered in
    first-seen order.

    Raises TraceError where columns disagree in length, order or range, or hold what cannot be.
    """

    name: str
    pages: np.ndarray  # (P,) uint32: every page access, request after request
    n_pages: int  # distinct pages
    page_offsets: np.ndarray | None = None  # (R+1,) int64: request r reads pages[o[r]:o[r+1]]; None: one each
    arrival: np.ndarray | None = None  # (R,) float64: seconds, never decreasing
    prompt_tokens: np.ndarray | None = None  # (R,) int32
    output_tokens: np.ndarray | None = None  # (R,) int32
    session: np.ndarray | None = None  # (R,) int32
    tenant: np.ndarray | None = None  # (R,) int32: on whose behalf: a customer, say, or a model
    intent: np.ndarray | None = None  # (R,) int32: requests of one intent want one answer; -1 unknown
    text_bytes: np.ndarray | None = None  # (B,) uint8: all prompts, UTF-8
    text_offsets: np.ndarray | None = None  # (R+1,) int64: request r's prompt within text_bytes
    parent: np.ndarray | None = None  # (n_pages,) int32: the page before it, -1: none; None: no prefixes
    page_bytes: np.ndarray | None = None  # (n_pages,) int64: object sizes, the largest where they change
    page_cost: np.ndarray | None = None  # (n_pages,) float64: what a miss costs, in any unit
    access_bytes: np.ndarray | None = None  # (P,) int64: sizes at each access; None: no object changes size
    page_tokens: int | None = None  # tokens in a full page; None: pages are plain objects
    meta: Mapping[str, Any] = field(default_factory=dict)  # source, licence, generator, seed, notes: JSON values

    def __post_init__(self) -> None:
        for name, (dtype, _) in COLUMNS.items():
            column = getattr(self, name)
            if column is None:
                continue
            if column.dtype != dtype or column.ndim != 1:
                raise TraceError(
                    f"trace {self.name!r}: column {name} is {column.ndim}-d {column.dtype}, "
                    f"expected 1-d {np.dtype(dtype)}"
                )
            # Read-only and writable arrays compile separately; traces are always the former.
            column.flags.writeable = False
        self._check_lengths()
        self._check_values()

    def _check_lengths(self) -> None:
        if not 0 <= self.n_pages <= len(self.pages):
            raise TraceError(f"trace {self.name!r}: {self.n_pages} distinct pages in {len(self.pages)} page accesses")
        lengths = {"page access": len(self.pages), "request": self.n_requests}
        lengths |= {"request + 1": self.n_requests + 1, "page": self.n_pages}
        for name, (_, index) in COLUMNS.items():
            column = getattr(self, name)
            if column is not None and index in lengths and len(column) != lengths[index]:
                raise TraceError(
                    f"trace {self.name!r}: column {name} has {len(column)} entries, "
                    f"expected one per {index} ({lengths[index]})"
                )
        for name, total in (("page_offsets", len(self.pages)), ("text_offsets", _length(self.text_bytes))):
            offsets = getattr(self, name)
            if offsets is not None and (
                len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != total or not _rises(offsets)
            ):
                raise TraceError(f"trace {self.name!r}: {name} must rise from 0 to {total}")

    def _check_values(self) -> None:
        if self.page_tokens is not None and not 1 <= self.page_tokens < 2**31:
            raise TraceError(f"trace {self.name!r}: {self.page_tokens} tokens a page", mend="give from 1 to 2^31 - 1")
        notes = self.meta.get("notes", [])
        if not isinstance(notes, list) or not all(isinstance(note, str) for note in notes):
            raise TraceError(f"trace {self.name!r}: the notes in its metadata are {notes!r}", mend="list texts")
        if self.page_cost is not None and not ((self.page_cost >= 0) & (self.page_cost < np.inf)).all():
            raise TraceError(f"trace {self.name!r}: a page's cost is below 0 or not finite", mend="correct it")
        if self.access_bytes is not None and self.page_bytes is None:
            raise TraceError(f"trace {self.name!r}: access_bytes without page_bytes", mend="give both")
        for name in ("prompt_tokens", "output_tokens", "page_bytes", "access_bytes"):
            column = getattr(self, name)
            if column is not None and column.min(initial=0) < 0:
                raise TraceError(f"trace {self.name!r}: {name} holds {column.min()}", mend="correct it to 0 or more")
        highest = max((int(part.max()) for part in _parts(self.pages)), default=-1)
        if highest >= self.n_pages:
            raise TraceError(f"trace {self.name!r}: page id {highest} but only {self.n_pages} distinct pages")
        if self.parent is not None and not _earlier(self.parent):
            raise TraceError(f"trace {self.name!r}: a page's parent is not one seen before it")
        # Times in order between finite ends are finite all: NaN is never in order.
        ends = [] if self.arrival is None else [*self.arrival[:1], *self.arrival[-1:]]
        if self.arrival is not None and not (_rises(self.arrival) and np.isfinite(ends).all()):
            if not np.isfinite(self.arrival).all():
                raise TraceError(f"trace {self.name!r}: an arrival time is not finite")
            raise TraceError(f"trace {self.name!r}: arrival times go backwards", mend="sort the requests by time")

    @property
    def n_requests(self) -> int:
        return len(self.pages) if self.page_offsets is None else len(self.page_offsets) - 1

    @property
    def n_accesses(self) -> int:
        """Page accesses: the length of `pages`."""
        return len(self.pages)

    def read(self, start: int, stop: int) -> np.ndarray:
        """The page accesses start .. stop - 1, (stop - start,) uint32."""
        return self.pages[start:stop]

    def parts(self) -> Iterator[np.ndarray]:
        """All page accesses part by part, as `read` gives them; mapped files are let go of behind."""
        return _parts(self.pages)

    def forget(self, start: int, stop: int) -> None:
        """Let go of the memory that the requests start .. stop - 1 take where columns are mapped files.

        They are read again when they are looked at: a trace larger than memory passes through it.
        """
        first, last = int(self.bounds[start]), int(self.bounds[stop])
        for name, (_, index) in COLUMNS.items():
            column = getattr(self, name)
            if column is not None and index in ("page access", "request", "request + 1"):
                low, high = (first, last) if index == "page access" else (start, stop)
                _unmap(column, low, high)

    @property
    def nbytes(self) -> int:
        """Bytes of the columns that are no mapped files, and so must fit into memory."""
        columns = (getattr(self, name) for name in COLUMNS)
        return sum(column.nbytes for column in columns if column is not None and _file(column) is None)

    @property
    def has_pages(self) -> bool:
        """False for traces that carry lengths only: they say nothing about what is shared."""
        return len(self.pages) > 0

    @property
    def duration(self) -> float:
        """Seconds from the first arrival to the last; 0 without arrival times."""
        return float(self.arrival[-1] - self.arrival[0]) if self.arrival is not None and len(self.arrival) else 0.0

    @cached_property
    def offsets(self) -> np.ndarray:
        """(R+1,) int64: `page_offsets`, written out where there is one page per request."""
        if self.page_offsets is not None:
            return self.page_offsets
        offsets = np.arange(self.n_requests + 1, dtype=np.int64)
        offsets.flags.writeable = False
        return offsets

    @property
    def bounds(self) -> Sequence[int] | np.ndarray:
        """`offsets` to index one at a time: takes no memory where there is one page per request."""
        return range(self.n_requests + 1) if self.page_offsets is None else self.page_offsets

    def texts(self) -> Iterator[str]:
        """The prompts in request order. Raises TraceError where the trace has none."""
        if self.text_bytes is None or self.text_offsets is None:
            raise TraceError(
                f"trace {self.name!r} has no prompt text", mend="use a trace or generator that carries text"
            )
        for start, stop in zip(self.text_offsets[:-1], self.text_offsets[1:], strict=True):
            yield self.text_bytes[start:stop].tobytes().decode()

    @cached_property
    def content_hash(self) -> str:
        """32 hex digits over every column and the page size; the name and metadata do not count."""
        import xxhash  # here, for machines that only measure real memory and have nothing but torch and NumPy

        digest = xxhash.xxh3_128(f"page_tokens={self.page_tokens}".encode())
        for name in COLUMNS:
            column = getattr(self, name)
            if column is not None:
                digest.update(f"{name}:{column.dtype.str}:{len(column)}".encode())
                digest.update(np.ascontiguousarray(column).data)
        return digest.hexdigest()

    def described(self, name: str, meta: Mapping[str, Any] | None = None) -> Trace:
        """The same requests under another `name`, and with other metadata if given; nothing is copied or read."""
        other = copy.copy(self)
        object.__setattr__(other, "name", name)
        if meta is not None:
            object.__setattr__(other, "meta", meta)
        return other

    def __repr__(self) -> str:
        return f"Trace({self.name!r}, requests={self.n_requests}, accesses={self.n_accesses}, pages={self.n_pages})"


def _length(column: np.ndarray | None) -> int:
    return 0 if column is None else len(column)


def _earlier(parent: np.ndarray) -> bool:
    """Whether every page's parent is a page of a smaller number, or -1."""
    return bool(np.all((parent >= -1) & (parent < np.arange(len(parent), dtype=np.int32))))


def _rises(column: np.ndarray) -> bool:
    """Whether no value is below the one before it, or NaN."""
    last = column[:1]
    for part in _parts(column):
        if not (np.all(part[:1] >= last) and np.all(part[1:] >= part[:-1])):
            return False
        last = part[-1:].copy()
    return True


def _parts(column: np.ndarray) -> Iterator[np.ndarray]:
    """`column` part by part, because it may exceed memory."""
    for start in range(0, len(column), _PART):
        yield column[start : start + _PART]
        _unmap(column, start, start + _PART)


def _unmap(column: np.ndarray, start: int, stop: int) -> None:
    """Let go of the memory of column[start:stop] if it is a mapped file, but for pages of memory at the ends."""
    file = _file(column)
    if file is not None and hasattr(mmap, "MADV_DONTNEED"):
        whole = mmap.ALLOCATIONGRANULARITY
        low = -(-start * column.itemsize // whole) * whole
        length = min(stop, len(column)) * column.itemsize // whole * whole - low
        if length > 0:
            file.madvise(mmap.MADV_DONTNEED, low, length)


def _file(column: np.ndarray) -> mmap.mmap | None:
    """The mapped file that `column` is, if it is one."""
    owner: Any = column
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return owner if isinstance(owner, mmap.mmap) else None
