"""Caches of whole answers in front of the servers: the very objects of `caches`, on the simulated clock.

An answer enters them when it is generated to its end, so that of equal requests which overlap none is answered; without
a clock, the second one is. Looking up takes as long as it is said to, in every tier that is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kvreplay.simulator.caches import request as caches
from kvreplay.simulator.caches.front import front_figures
from kvreplay.simulator.caches.stack import Stack
from kvreplay.traces.trace import Trace


class Front:
    """The tiers of `stack` for the requests of `trace`, which are asked for in order; `seconds` of a lookup by tier.

    They count from request `warmup` on.
    """

    def __init__(self, trace: Trace, stack: Stack, seed: int, seconds: Mapping[str, float], warmup: int = 0) -> None:
        self._trace, self._stack, self._warmup = trace, stack, warmup
        self._caches = stack.build(trace, seed)
        self._requests = caches.requests(trace)
        self._seconds = seconds
        self._names = [tier.name for tier in self._caches.tiers]
        self._generating: dict[int, caches.Request] = {}
        self.answer: Any = None  # that the request asked for last got, if any

    def ask(self, now: float) -> tuple[int, float]:
        """Look the next request up: the number of the tier that answers it, -1 for none, and how long that takes."""
        request = next(self._requests)._replace(now=now)
        if request.number == self._warmup:
            self._caches.reset_counters()
        reply = self._caches.lookup(request)
        self.answer = None if reply is None else reply.found.answer
        asked = self._names if request.content else []
        if reply is None:
            if request.content:
                self._generating[request.number] = request
            return -1, sum(self._seconds[name] for name in asked)
        tier = self._names.index(reply.tier)
        return tier, sum(self._seconds[name] for name in asked[: tier + 1])

    def generated(self, number: int, now: float, answer: Any = None) -> None:
        """Keep the answer to a request that none answered."""
        request = self._generating.pop(number, None)
        if request is not None:
            self._caches.insert(request._replace(now=now), answer)

    def figures(self, answered: np.ndarray) -> dict[str, Any]:
        """See `caches.front.front_figures`; `answered`, (R,) bool, says which requests a tier answered."""
        return front_figures(self._trace, self._stack, self._caches, answered, self._warmup)
