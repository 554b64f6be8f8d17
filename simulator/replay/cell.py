"""One policy in one cache on one trace: the state that the compiled loops share, advanced chunk by chunk."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from kvreplay.policies import Policy, PolicyError
from kvreplay.policies.bind import bind
from kvreplay.simulator.caches.sizing import Controller, Resizes
from kvreplay.traces.trace import Trace

from . import loops
from .expiry import Expiry
from .future import future_of
from .requests import requests_of

# Accesses per call of a compiled loop: the hit bytes stay in the processor's cache, and Ctrl-C is answered at once.
_CHUNK = 1 << 18
_KEPT = 1 << 20  # accesses that are replayed before the memory of mapped columns is given back


def windows_of(start: int, stop: int, count: int) -> Iterator[tuple[int, int, int]]:
    """The requests start .. stop - 1 in `count` parts of equal size: the number of each, where it begins and ends."""
    edges = np.linspace(start, stop, count + 1).astype(np.int64).tolist()
    for window, (low, high) in enumerate(itertools.pairwise(edges)):
        yield window, low, high


class Cell:
    """One policy in one cache on one trace, replayed from start to end in chunks.

    `capacity` is in pages, or in bytes where `sized`; unlike in `replay`, it may exceed the trace. `page_cost`,
    (n_pages,) float64, is what pages cost; `ttl` is that of `replay`. Where the cell is `resizable`, as with a
    `controller` it always is, the capacity is only that at the start, and the policy must be resizable, too. `checked`
    compiles with array bounds checked, at up to half the speed.
    """

    def __init__(
        self,
        trace: Trace,
        policy: Policy,
        capacity: int,
        reading: str = "independent",
        *,
        sized: bool = False,
        seed: int = 0,
        page_cost: np.ndarray | None = None,
        ttl: float | None = None,
        controller: Controller | None = None,
        resizable: bool = False,
        compiled: bool = True,
        checked: bool = False,
    ) -> None:
        self.trace, self.policy, self.reading, self.sized = trace, policy, reading, sized
        self.capacity = capacity
        self.page_cost = page_cost
        self.warmed_up = 0  # requests replayed that do not count
        self.tally = np.zeros(loops.TALLY_SIZE, np.int64)
        self.cached = np.zeros(trace.n_pages, np.uint8)
        future = future_of(trace) if "future" in policy.needs else None
        # A policy's own capacity is in pages: no more of them than the trace has can ever be cached.
        resizable = resizable or controller is not None
        pages = trace.n_pages if sized or resizable else capacity
        sizes = trace.page_bytes if sized else None
        told = requests_of(trace) if "requests" in policy.needs else None
        self.state = policy.init(
            pages,
            trace.n_pages,
            seed=seed,
            future=future,
            page_bytes=sizes,
            page_cost=page_cost,
            byte_capacity=capacity if sized else None,
            parent=trace.parent,
            requests=told,
        )
        bound = partial(
            bind, hooks=policy.hooks.compiled, compiled=compiled, checked=checked, cache=policy.hooks.importable
        )
        self._held: tuple[Any, ...] = ()  # what a shrinking loop takes besides what all loops take
        self.advance = self._bind(bound)
        shrink = loops.shrink_prefix if reading == "prefix" else loops.shrink
        self._shrink = bound(shrink) if resizable else None
        self.resizes = Resizes()
        self._controller = controller
        self._expiry = None if ttl is None else Expiry(trace, ttl, reading)
        self._hit = np.empty(0, np.uint8)
        self._kept = 0  # the first request whose columns may be in memory, where they are mapped files

    def compile(self) -> None:
        """Compile what the first call would else compile: replays nothing."""
        self.advance(0, 0, np.empty(1, np.uint8))
        if self._shrink is not None:
            self._shrink(self.state, 0, self.cached, self.tally[loops.USED], self.tally, *self._held)

    def warm_up(self, requests: int) -> None:
        """Replay the first `requests` requests; from now on `tally` counts as if they had not been."""
        for _ in self.run(0, requests):
            pass
        self.warmed_up = requests
        self.reset_counters()

    def reset_counters(self) -> None:
        """From now on `tally` and `resizes` count as if nothing had been replayed."""
        self.resizes = Resizes()
        self.tally[[loops.EVICTIONS, loops.REJECTIONS]] = 0
        self.tally[loops.PEAK] = self.tally[loops.USED]

    def resize(self, capacity: int, request: int) -> None:
        """From `request` on, the next one, the cache holds `capacity`: what is too much leaves now."""
        assert self._shrink is not None
        self.resizes.note(self.capacity, capacity)
        self.capacity = capacity
        if self.tally[loops.USED] > capacity:
            now = self.trace.bounds[request]
            self._shrink(self.state, now, self.cached, capacity, self.tally, *self._held)
            self._check()

    def chunks(self, windows: int) -> Iterator[tuple[int, int, int, np.ndarray]]:
        """Replay chunk by chunk: the window, the requests start .. stop - 1, and a hit byte per access, reused.

        The windows are parts of equal request count, of what follows the warm-up.
        """
        for window, low, high in windows_of(self.warmed_up, self.trace.n_requests, windows):
            for start, stop, hit in self.run(low, high):
                yield window, start, stop, hit

    def run(self, start: int, end: int) -> Iterator[tuple[int, int, np.ndarray]]:
        """Replay the requests start .. end - 1, which come next, chunk by chunk, as `chunks` does."""
        bounds = self.trace.bounds
        while start < end:
            stop, controller = end, self._controller
            if bounds[end] - bounds[start] > _CHUNK:
                stop = max(bisect.bisect_right(bounds, bounds[start] + _CHUNK, start, end) - 1, start + 1)
            if controller is not None:
                stop = min(stop, start - start % controller.period + controller.period)
            accesses = bounds[stop] - bounds[start]
            if accesses > len(self._hit):
                self._hit = np.empty(max(accesses, _CHUNK), np.uint8)
            self.advance(start, stop, self._hit)
            self._check()
            if self._expiry is not None:
                self._expiry.apply(start, stop, self._hit)
            yield start, stop, self._hit[:accesses]
            if controller is not None:
                controller.observe(self.trace.read(bounds[start], bounds[stop]), self._hit[:accesses])
                if stop % controller.period == 0 and stop < self.trace.n_requests:
                    self.resize(controller.decide(self.capacity), stop)
            if bounds[stop] - bounds[self._kept] > _KEPT:
                self.trace.forget(self._kept, stop)
                self._kept = stop
            start = stop

    def _bind(
        self, bound: Callable[[Callable[..., None]], Callable[..., None]]
    ) -> Callable[[int, int, np.ndarray], None]:
        trace, state, cached, tally = self.trace, self.state, self.cached, self.tally
        bounds = trace.bounds
        if self.policy.hooks.by_request:
            run = bound(loops.replay_served)
            offsets, seen = trace.offsets, np.zeros(trace.n_pages, np.uint8)
            return lambda start, stop, hit: run(
                state, offsets, trace.pages, start, stop, hit, seen, self.capacity, tally
            )
        if self.reading == "prefix":
            run = bound(loops.replay_prefix)
            offsets = trace.offsets
            children, in_use = np.zeros((2, trace.n_pages), np.int32)
            tree = (trace.parent, children, in_use, np.empty(trace.n_pages, np.uint32))
            self._held = tree
            return lambda start, stop, hit: run(
                state, offsets, trace.pages, start, stop, hit, cached, self.capacity, tally, *tree, loops.WHOLE, 0
            )
        loop: Callable[..., None] = loops.replay_independent
        sizes: list[Any] = []
        held: Any = np.broadcast_to(np.int64(1), trace.n_pages)
        if self.sized and trace.access_bytes is None:
            loop, sizes, held = loops.replay_sized, [trace.page_bytes], trace.page_bytes
        elif self.sized:
            held = np.zeros(trace.n_pages, np.int64)
            loop, sizes = loops.replay_resized, [trace.access_bytes, held]
        self._held = (held,)
        run = bound(loop)

        def advance(start: int, stop: int, hit: np.ndarray) -> None:
            first, last = bounds[start], bounds[stop]
            run(state, trace.read(first, last), first, last, hit, cached, self.capacity, tally, *sizes)

        return advance

    def _check(self) -> None:
        if self.tally[loops.FAULT]:
            raise PolicyError(fault_of(self.policy, self.tally))


def fault_of(policy: Policy, tally: np.ndarray) -> str:
    """What is wrong with the answers of a policy's hook, and where it stands, from what the loop left in `tally`."""
    code, wrong = policy.hooks.decide_code, tally[loops.WRONG]
    what = {
        loops.VICTIM: f"evict() returned page {wrong}, which is not cached; "
        "return a page that was inserted and not evicted since",
        loops.HITS: f"serve() returned {wrong} hits; only pages that were requested before can hit, "
        "return how many of the request's pages hit from its start",
        loops.ROOM: f"serve() adds and removes pages so that {wrong} are cached, or adds others than those missed; "
        "return (hits, pages added, pages removed), within the capacity",
    }[int(tally[loops.FAULT])]
    return f"{code.co_filename}:{code.co_firstlineno}: {what}"
