"""How far a run is: one line that keeps changing on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvreplay.simulator.backends.metrics import Metric
    from kvreplay.simulator.experiment import Progress

_WIDTH = 30  # characters of the bar
_EVERY = 0.1  # seconds between changes on a terminal
_LINES = 10  # plain lines of a whole run


class ProgressLine:
    """Told of each finished cell, or whatever else `what` says; writes to stderr."""

    def __init__(self, what: str = "cells") -> None:
        self._what = what
        self._started = time.monotonic()
        self._shown = float("-inf")
        self._finished = self._failed = 0
        self._share = 0.0
        # Python closes stderr, or has none, where the shell closed it.
        self._terminal = sys.stderr is not None and not sys.stderr.closed and sys.stderr.isatty()

    def __call__(self, progress: Progress) -> None:
        """Show how far an experiment is, and what failed."""
        self._finished, self._share = progress.finished, progress.share
        if progress.error is not None:
            self._failed += 1
            self._write(f"failed: {progress.cell.label}: {progress.error}\n")
        self.show(progress.finished, progress.total, progress.share)

    def metrics(self) -> Iterator[Metric]:
        """How far an experiment is, for Prometheus."""
        from kvreplay.simulator.backends.metrics import counter, gauge

        yield counter("run_finished_cells", "Cells of the experiment that are done", self._finished)
        yield counter("run_failed_cells", "Of these, failed", self._failed)
        yield gauge("run_share", "Share of the work that is done, 0 to 1", self._share)

    def show(self, finished: int, total: int, share: float) -> None:
        """Show that `finished` of `total` are done, a `share` of the work, unless it was shown a moment ago."""
        last = finished == total
        if self._terminal:
            now = time.monotonic()
            if last or now - self._shown >= _EVERY:
                self._shown = now
                bar = ("#" * round(_WIDTH * share)).ljust(_WIDTH, ".")
                self._write(f"[{bar}] {self._text(finished, total, share)}" + ("\n" if last else ""))
        elif last or finished % max(total // _LINES, 1) == 0:
            self._write(f"{self._text(finished, total, share)}\n")

    def _text(self, finished: int, total: int, share: float) -> str:
        elapsed = time.monotonic() - self._started
        left = elapsed * (1 - share) / share
        times = clock(elapsed) if finished == total else f"{clock(elapsed)}, {clock(left)} left"
        return f"{finished} of {total} {self._what}, {times}"

    def _write(self, text: str) -> None:
        # On a terminal: back to the start of the line, and erase what was there.
        if sys.stderr is None or sys.stderr.closed:
            return
        # Whoever reads this may go away before the run is done, which must not end it.
        with contextlib.suppress(OSError):
            sys.stderr.write(f"\r\x1b[K{text}" if self._terminal else text)
            sys.stderr.flush()


def clock(seconds: float) -> str:
    """``1:02:03``, ``2:03`` or ``4 s``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
