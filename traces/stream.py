"""A trace that is generated as it is replayed: longer than memory and disks, which never hold it."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import xxhash

from .errors import TraceError
from .trace import Trace


class Source(Hashable, Protocol):
    """Where a stream comes from. Frozen, so that equal ones make the same stream."""

    def read(self, start: int, stop: int) -> np.ndarray:
        """The page accesses start .. stop - 1, uint32: the same wherever they are cut, on whatever thread."""


_PART = 1 << 18  # page accesses looked at together


class Stream(Trace):
    """A trace of one page a request whose pages are not kept: `read` makes them, `pages` raises TraceError.

    `n_pages` is how many there are to be asked for; some may never be. Pages are numbered as `source` likes.
    """

    source: Source
    accesses: int

    def __init__(self, name: str, accesses: int, n_pages: int, source: Source, meta: Mapping[str, Any]) -> None:
        for field in dataclasses.fields(Trace):
            if field.name != "pages":
                object.__setattr__(self, field.name, None)
        values = {"name": name, "n_pages": n_pages, "meta": meta, "source": source, "accesses": accesses}
        self.__dict__.update(values)

    @property
    def pages(self) -> np.ndarray:  # type: ignore[override]
        mend = "replay a workload that is kept, such as zipf"
        raise TraceError(f"{self.name} is generated as it is replayed; this needs all of it at hand", mend=mend)

    def read(self, start: int, stop: int) -> np.ndarray:
        pages = self.source.read(start, max(min(stop, self.n_accesses), start))
        pages.flags.writeable = False
        return pages

    def parts(self) -> Iterator[np.ndarray]:
        return (self.read(start, start + _PART) for start in range(0, self.n_accesses, _PART))

    def forget(self, start: int, stop: int) -> None:
        pass

    @property
    def n_requests(self) -> int:
        return self.accesses

    @property
    def n_accesses(self) -> int:
        return self.accesses

    @property
    def nbytes(self) -> int:
        return 0

    @property
    def has_pages(self) -> bool:
        return True

    @functools.cached_property
    def content_hash(self) -> str:
        """32 hex digits over what makes the stream."""
        return xxhash.xxh3_128_hexdigest(f"{self.source!r}:{self.accesses}:{self.n_pages}".encode())
