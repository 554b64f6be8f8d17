"""A cache for each tenant of a trace, of one budget that is divided among them: replayed in place of a `Cell`."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from kvreplay.policies import Policy
from kvreplay.simulator.caches.sizing import Divider, Resizes, Sizing
from kvreplay.traces.subset import subset
from kvreplay.traces.trace import Trace

from . import loops
from .cell import Cell, windows_of

_CHUNK = 1 << 14  # requests replayed at once


class Partition:
    """One policy in caches of `capacity` in all, each for the requests of one tenant; a page that two of them use is
    two pages. The arguments are those of `Cell`; `sizing` divides.

    Raises SizingError where there are more tenants than it can divide among.
    """

    def __init__(
        self,
        trace: Trace,
        policy: Policy,
        capacity: int,
        reading: str = "independent",
        *,
        sizing: Sizing,
        sized: bool = False,
        page_cost: np.ndarray | None = None,
        **options: Any,
    ) -> None:
        assert trace.tenant is not None
        self.trace, self.policy, self.reading, self.sized = trace, policy, reading, sized
        self.capacity, self.page_cost, self.warmed_up = capacity, page_cost, 0
        self._peak = 0
        self.tenants = np.unique(trace.tenant).tolist()
        priced = dataclasses.replace(trace, page_cost=page_cost)
        parts = [subset(priced, trace.tenant == tenant) for tenant in self.tenants]
        weights = [part.page_bytes for part in parts if part.page_bytes is not None] if sized else None
        self._divider: Divider = sizing.start_division(capacity, len(parts), weights)
        shares = zip(parts, self._divider.capacities, strict=True)
        self.cells = [
            Cell(
                *(part, policy, share, reading),
                **{"sized": sized, "page_cost": part.page_cost, "controller": _Part(self._divider, number), **options},
            )
            for number, (part, share) in enumerate(shares)
        ]
        # Where the requests and page accesses of each tenant are in the trace.
        self._requests = [np.flatnonzero(trace.tenant == tenant) for tenant in self.tenants]
        accesses = np.repeat(trace.tenant, np.diff(trace.offsets))
        self._accesses = [np.flatnonzero(accesses == tenant) for tenant in self.tenants]
        self._series = np.zeros((3, len(parts), 0), np.int64)  # page accesses, hits and capacity by tenant and window

    @property
    def tally(self) -> np.ndarray:
        """That of all caches; the peak is that of their sum, seen at the end of every chunk."""
        tally = np.sum([cell.tally for cell in self.cells], axis=0)
        tally[loops.PEAK] = self._peak
        return tally

    @property
    def told(self) -> dict[str, dict[str, list[int]]]:
        """By tenant, for each window: page accesses, hits, and the capacity at its end."""
        names = ("accesses", "hits", "capacity")
        return {
            f"tenant {tenant}": dict(zip(names, self._series[:, number].tolist(), strict=True))
            for number, tenant in enumerate(self.tenants)
        }

    @property
    def resizes(self) -> Resizes:
        """How often any of the capacities changed, and turned."""
        return Resizes(*(sum(getattr(cell.resizes, name) for cell in self.cells) for name in ("changes", "reversals")))

    def compile(self) -> None:
        """Compile what the first call would else compile: replays nothing."""
        self.cells[0].compile()

    def warm_up(self, requests: int) -> None:
        """Replay the first `requests` requests; from now on nothing counts them."""
        for _ in self._run(0, requests):
            pass
        for cell in self.cells:
            cell.reset_counters()
        self.warmed_up, self._peak = requests, int(self.tally[loops.USED])

    def chunks(self, windows: int) -> Iterator[tuple[int, int, int, np.ndarray]]:
        """As `Cell.chunks`; the hit bytes are those of all tenants, in the order of the trace."""
        self._series = np.zeros((3, len(self.cells), windows), np.int64)
        for window, low, high in windows_of(self.warmed_up, self.trace.n_requests, windows):
            for start, stop, hit in self._run(low, high, window):
                yield window, start, stop, hit

    def _run(self, start: int, end: int, window: int | None = None) -> Iterator[tuple[int, int, np.ndarray]]:
        bounds, period = self.trace.bounds, self._divider.period
        while start < end:
            stop = min(start + _CHUNK, start - start % period + period, end)
            hit = np.empty(bounds[stop] - bounds[start], np.uint8)
            for number, cell in enumerate(self.cells):
                for first, last, own in cell.run(*np.searchsorted(self._requests[number], [start, stop]).tolist()):
                    places = self._accesses[number][cell.trace.bounds[first] : cell.trace.bounds[last]]
                    hit[places - bounds[start]] = own
                    if window is not None:
                        self._series[:2, number, window] += np.array([len(own), np.count_nonzero(own)])
                if window is not None:
                    self._series[2, number, window] = cell.capacity
            self._peak = max(self._peak, sum(int(cell.tally[loops.USED]) for cell in self.cells))
            yield start, stop, hit
            if stop % period == 0 and stop < self.trace.n_requests:
                self._divide(stop)
            start = stop

    def _divide(self, request: int) -> None:
        for cell, requests, capacity in zip(self.cells, self._requests, self._divider.decide(), strict=True):
            cell.resize(capacity, int(np.searchsorted(requests, request)))


class _Part:
    """What one tenant's cell takes for its controller: it tells the divider what it sees, and never decides."""

    period = 1 << 40  # requests: never over

    def __init__(self, divider: Divider, number: int) -> None:
        self._divider, self._number = divider, number

    def observe(self, pages: np.ndarray, hit: np.ndarray) -> None:
        self._divider.observe(self._number, pages, len(pages))

    def decide(self, capacity: int) -> int:
        return capacity
