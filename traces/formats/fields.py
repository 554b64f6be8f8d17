"""What all readers check alike: times that run forwards, token counts within reason, labels turned into numbers."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Annotated

import numpy as np
from annotated_types import Interval

from ..page_ids import chain_pages
from .source import Source

PageTokens = Annotated[int, Interval(ge=1, le=10**6)]

MAX_COST = 1e30  # of a miss: many of them add up to a finite sum
MAX_TOKENS = 10**8  # a longer prompt or answer is taken for a misread column
_LATEST = 1e12  # seconds, 30,000 years: a later time is taken for one in another unit
_WHOLE = 1 << 40  # more tokens than any text has: one page is all of it


class Clock:
    """Recorded times, checked and counted in seconds from the first one (or from 0); batch after batch."""

    def __init__(self, source: Source, per_second: float = 1, *, from_first: bool = True) -> None:
        self._source = source
        self._per_second = per_second
        self._from_first = from_first
        self._rows = 0
        self._last = None
        self.start: float | None = None  # the first time, as recorded

    def seconds(self, times: np.ndarray, lines: Sequence[int] | None = None) -> np.ndarray:
        """(R,) float64 arrivals of (R,) recorded times; `lines` are where they stand, None for binary data.

        Raises TraceError at the first time that is negative, not finite, beyond 1e12 s, or before the one above it.
        """
        if len(times) == 0:
            return np.empty(0)
        if self._last is None:
            self.start = times[0].item()
        last = times[0] if self._last is None else self._last
        latest = _LATEST * self._per_second
        rises = times[1:] >= times[:-1]  # False for NaN
        if not (times[0] >= max(last, 0) and rises.all() and times[-1] <= latest):
            good = np.concatenate([times[:1] >= last, rises]) & (times >= 0) & (times <= latest)
            bad = int(np.argmin(good))
            before = times[bad - 1] if bad else last
            earlier = 0 <= times[bad] < before
            if earlier:
                wrong, mend = f"comes after {before}", "sort the file by time"
            elif latest < times[bad] < np.inf:
                wrong, mend = f"is beyond {_LATEST:.0e} seconds", "check its unit"
            else:
                wrong, mend = "is no time", "correct it"
            where = {"row": self._rows + bad + 1} if lines is None else {"line": lines[bad]}
            raise self._source.error(f"time {times[bad]} {wrong}", mend=mend, **where)
        self._last = times[-1]
        self._rows += len(times)
        from_start = times - times.dtype.type(self.start if self._from_first else 0)
        return from_start.astype(np.float64) if self._per_second == 1 else from_start / self._per_second


class Labels:
    """Numbers for the names of sessions or intents, 0, 1, 2, ... in first-seen order; -1 for no name."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def number(self, names: Iterable[Hashable]) -> np.ndarray:
        """(R,) int32 of R names, of which None and "" are none."""
        numbers = self._numbers
        return np.array(
            [-1 if name is None or name == "" else numbers.setdefault(name, len(numbers)) for name in names],
            np.int32,
        )


def key_hashes(texts: bytes, end: bytes) -> tuple[np.ndarray, np.ndarray]:
    """(K,) uint64 keys of K texts, each of which stands before an `end` byte; and their lengths, (K,) int64."""
    ends = np.flatnonzero(np.frombuffer(texts, np.uint8) == end[0]) + 1
    offsets = np.concatenate([[0], ends])
    return chain_pages(np.frombuffer(texts, np.uint8), offsets, _WHOLE)[0], np.diff(offsets) - 1
