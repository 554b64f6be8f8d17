"""Runs a trace through one server in real time: arrivals, caches of answers in front, and the record of it all."""

from __future__ import annotations

import numpy as np

from kvreplay.simulator.backends.model import PagedModel
from kvreplay.simulator.caches import embedders
from kvreplay.simulator.caches.semantic import SemanticCache
from kvreplay.simulator.caches.stack import TIERS, Stack
from kvreplay.simulator.serving.engine import requests_of
from kvreplay.simulator.serving.front import Front
from kvreplay.simulator.serving.recorder import Recorder
from kvreplay.simulator.serving.requests import Request
from kvreplay.traces.trace import Trace

from .machine import timer
from .prompts import Prompts
from .server import Clock, Server


class LiveFront(Front):
    """The tiers of `stack` for the requests of `trace`; a prompt is embedded when it comes, as part of its lookup."""

    def __init__(self, trace: Trace, stack: Stack, seed: int, warmup: int) -> None:
        super().__init__(trace, stack, seed, dict.fromkeys(TIERS, 0.0), warmup)
        for tier in self._caches.tiers:
            if isinstance(tier, SemanticCache):
                tier.embedder = embedders.get(tier.embedder.name)


def run(
    trace: Trace,
    paged: PagedModel,
    *,
    front: LiveFront | None = None,
    cached: bool = True,
    most: int = 8,
    rate: float = 1.0,
    concurrency: int | None = None,
) -> tuple[Recorder, list[np.ndarray | None]]:
    """Serve every request of `trace`, which has prompt and output tokens, until it ends, up to `most` at once. What
    happened when, in seconds, and the answers by request, (output,) int64 tokens each, None where it was refused.

    Requests arrive when the trace says, `rate` times as fast; or, closed loop, each as soon as fewer than `concurrency`
    are under way. What `front` answers goes no further. One that needs more pages than there are is refused. Where
    pages are not `cached`, every prompt is computed as a whole. Nobody waits while there is nothing to do.
    """
    recorder = Recorder(trace.n_requests)
    answers: list[np.ndarray | None] = [None] * trace.n_requests
    clock = Clock(timer(paged.model.device))

    def ended(request: Request, answer: np.ndarray) -> None:
        answers[request.number] = answer
        if front is not None:
            front.generated(request.number, clock.now, answer)

    server = Server(paged, Prompts(trace, paged.model.shape.vocabulary), most, clock, recorder, ended)

    def arrive(request: Request) -> None:
        if front is not None:
            tier, _ = front.ask(clock.now)
            if tier >= 0:
                answers[request.number] = front.answer
                recorder.answered(request, clock.now, tier)
                return
        if server.fits(request):
            recorder.accepted(request, server.number)
            server.submit(request)

    coming = requests_of(trace, paged.page_tokens, cached)
    request = next(coming, None)
    while request is not None or server.load:
        due = None if request is None else _due(trace, request, rate, concurrency, clock, server)
        if request is not None and due is not None:
            recorder.arrived(request, due)
            arrive(request)
            request = next(coming, None)
        elif server.load:
            server.step()
        elif request is not None:
            clock.idle_until(_time(trace, request, rate))
    return recorder, answers


def _due(
    trace: Trace, request: Request, rate: float, concurrency: int | None, clock: Clock, server: Server
) -> float | None:
    """When `request` arrived; None where it has not yet."""
    if concurrency is not None:
        return clock.now if server.load < concurrency else None
    time = _time(trace, request, rate)
    return time if time <= clock.now else None


def _time(trace: Trace, request: Request, rate: float) -> float:
    assert trace.arrival is not None
    return float(trace.arrival[request.number] - trace.arrival[0]) / rate
