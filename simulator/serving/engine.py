"""Runs a trace through replicas in simulated time: arrivals, routing, and the record of what happened."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from kvreplay.policies import Policy
from kvreplay.traces.trace import Trace

from .cost import StepCost
from .front import Front
from .host import LINK_SHARE, HostMemory
from .memory import PagedMemory, PolicyMemory, VllmMemory
from .recorder import Recorder
from .replica import Limits, Replica
from .requests import Request
from .router import router
from .speculation import Speculation, target_of

VLLM = "vllm-lru"  # the policy that is vLLM's own memory


@dataclass(frozen=True)
class Server:
    """Replicas of a model, and how requests get to them and through them."""

    cost: StepCost | Speculation
    replicas: int
    pages: int  # KV memory of each replica
    page_tokens: int
    limits: Limits
    router: str
    max_queue: int | None  # requests that may wait at a replica; None: any number
    policy: Policy | None  # which pages leave; None: nothing is kept to be hit
    seed: int = 0  # of the policy
    host_pages: int = 0  # host memory of each replica


def run(
    trace: Trace,
    server: Server,
    *,
    rate: float = 1.0,
    concurrency: int | None = None,
    priority: np.ndarray | None = None,
    front: Front | None = None,
) -> Recorder:
    """Simulate every request of `trace`, which has prompt and output tokens, until it ends.

    Requests arrive when the trace says, `rate` times as fast; or, closed loop, each as soon as fewer than `concurrency`
    are under way. What `front` answers goes no further. One that needs more pages than a replica has, or that finds a
    full queue, is refused.
    """
    env = simpy.Environment()
    recorder = Recorder(trace.n_requests)
    places = None if concurrency is None else simpy.Container(env, init=concurrency)
    choose = router(server.router)

    def leave(request: Request) -> None:
        if places is not None:
            places.put(1)
        if front is not None:
            front.generated(request.number, env.now)

    replicas = [
        Replica(
            env,
            number,
            server.cost,
            _memory(trace, server),
            server.page_tokens,
            server.limits,
            recorder,
            leave,
            _host(env, server),
        )
        for number in range(server.replicas)
    ]

    def enter(request: Request) -> None:
        replica = choose(request, replicas)
        full = server.max_queue is not None and len(replica.waiting) >= server.max_queue
        if full or -(-request.tokens // server.page_tokens) > server.pages:
            if places is not None:
                places.put(1)
        else:
            recorder.accepted(request, replica.number)
            replica.submit(request)

    def ask(request: Request, front: Front) -> Generator[simpy.Event, Any, None]:
        tier, seconds = front.ask(env.now)
        yield env.timeout(seconds)
        if tier < 0:
            enter(request)
        else:
            recorder.answered(request, env.now, tier)
            if places is not None:
                places.put(1)

    def arrivals() -> Generator[simpy.Event, Any, None]:
        last = 0.0
        for request in requests_of(trace, server.page_tokens, server.policy is not None, priority):
            if places is not None:
                yield places.get(1)
            else:
                assert trace.arrival is not None
                time = float(trace.arrival[request.number] - trace.arrival[0]) / rate
                if time > last:  # not env.now: requests of one time arrive before anything else happens
                    yield env.timeout(max(time - env.now, 0.0))
                    last = time
            recorder.arrived(request, env.now)
            if front is None:
                enter(request)
            else:
                env.process(ask(request, front))

    env.process(arrivals())
    env.run()
    return recorder


def _memory(trace: Trace, server: Server) -> PagedMemory:
    if server.policy is None or server.policy.name == VLLM:
        return VllmMemory(server.pages)
    return PolicyMemory(trace, server.pages, server.policy, server.seed)


def _host(env: simpy.Environment, server: Server) -> HostMemory | None:
    if server.policy is None or not server.host_pages:
        return None
    target = target_of(server.cost)
    page_bytes = server.page_tokens * target.model.kv_bytes_per_token
    return HostMemory(env, server.host_pages, page_bytes / (LINK_SHARE * target.device.pcie * target.devices))


def requests_of(trace: Trace, page_tokens: int, cached: bool, priority: np.ndarray | None = None) -> Iterator[Request]:
    """The requests of `trace`, with the numbers of their full pages where pages are `cached`."""
    assert trace.prompt_tokens is not None
    assert trace.output_tokens is not None
    no_pages = np.empty(0, np.uint32)
    for number in range(trace.n_requests):
        prompt = max(int(trace.prompt_tokens[number]), 1)  # an empty one is a token that marks its beginning
        pages = no_pages
        if cached:
            start = trace.bounds[number]
            pages = trace.pages[start : min(start + prompt // page_tokens, trace.bounds[number + 1])]
        yield Request(
            number,
            prompt,
            int(trace.output_tokens[number]),
            pages,
            session=-1 if trace.session is None else int(trace.session[number]),
            priority=0 if priority is None else int(priority[number]),
        )
