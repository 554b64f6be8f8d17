"""The pages behind tiers with which they share a budget of memory: replayed in place of a `Cell`."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from typing import Any

import numpy as np

from kvreplay.policies import Policy
from kvreplay.simulator.caches.division import Division
from kvreplay.simulator.caches.request import prompt_tokens
from kvreplay.simulator.caches.sizing import Resizes
from kvreplay.traces.trace import Trace

from .cell import Cell, windows_of


class Tiered:
    """One policy in the pages' share of `division`, once all requests have passed its tiers; `trace` is what they left.

    `warmup` is how many of all requests only fill the caches. The other arguments are those of `Cell`.
    """

    sized = False  # pages count alike; it is the budget that is in bytes

    def __init__(
        self, trace: Trace, policy: Policy, division: Division, warmup: int, reading: str, **options: Any
    ) -> None:
        self.trace, self.policy, self.reading, self.capacity = trace, policy, reading, division.budget
        self._division, self._warmup = division, warmup
        # (R + 1,) int64: how many of the requests before each were left to the pages.
        self._left = np.concatenate([[0], np.cumsum(division.answered_by < 0)])
        self._since = [int(self._left[request]) for request, _ in division.pages]
        self._shares = [pages for _, pages in division.pages]
        self._cell = Cell(trace, policy, self._shares[0], reading, resizable=True, **options)

    @property
    def warmed_up(self) -> int:
        return self._cell.warmed_up

    @property
    def tally(self) -> np.ndarray:
        return self._cell.tally

    @property
    def state(self) -> Any:
        return self._cell.state

    @property
    def page_cost(self) -> np.ndarray | None:
        return self._cell.page_cost

    @property
    def resizes(self) -> Resizes:
        """How often any of the shares changed, and turned."""
        return self._division.resizes(self._warmup)

    def compile(self) -> None:
        self._cell.compile()

    def warm_up(self, requests: int) -> None:
        """As `Cell.warm_up`; `requests` of those that were left."""
        for _ in self._run(0, requests):
            pass
        self._cell.warmed_up = requests
        self._cell.reset_counters()

    def chunks(self, windows: int) -> Iterator[tuple[int, int, int, np.ndarray]]:
        """As `Cell.chunks`, but the windows are parts of equal count of all requests, answered ones too; of each there
        is a chunk, if an empty one."""
        for window, low, high in windows_of(self._warmup, len(self._left) - 1, windows):
            start, stop = int(self._left[low]), int(self._left[high])
            if start == stop:
                yield window, start, stop, np.empty(0, np.uint8)
            for chunk in self._run(start, stop):
                yield window, *chunk

    def told(self, tokens_saved: np.ndarray) -> dict[str, dict[str, list[int]]]:
        """By part, for each window: tokens of prompts and answers asked for, those that it spared, and its bytes at the
        end. `tokens_saved` are those that the pages saved by window, (windows,) int64."""
        division, requests = self._division, len(self._left) - 1
        edges = [(low, high) for _, low, high in windows_of(self._warmup, requests, len(tokens_saved))]
        tokens = np.zeros(requests, np.int64)
        for column in (prompt_tokens(division.trace), division.trace.output_tokens):
            tokens += 0 if column is None else column
        times = [request for request, _ in division.history]
        shares = [division.history[bisect.bisect_left(times, high) - 1][1] for _, high in edges]  # before what follows
        told = {}
        for part, name in enumerate(division.names):
            spared = np.where(division.answered_by == part, tokens, 0)
            of_part = [int(spared[low:high].sum()) for low, high in edges]
            told[name] = {
                "accesses": [int(tokens[low:high].sum()) for low, high in edges],
                "hits": tokens_saved.tolist() if name == "pages" else of_part,
                "capacity": [share[part] for share in shares],
            }
        return told

    def _run(self, start: int, end: int) -> Iterator[tuple[int, int, np.ndarray]]:
        while start < end:
            following = bisect.bisect_right(self._since, start)
            share = self._shares[following - 1]
            if share != self._cell.capacity:
                self._cell.resize(share, start)
            stop = min([end, *self._since[following : following + 1]])
            yield from self._cell.run(start, stop)
            start = stop
