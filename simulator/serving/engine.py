"""Runs a trace through replicas in simulated time: arrivals, routing, and the record of what happened."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from kvreplay.policies import Policy
from kvreplay.simulator.caches.sizing import Sizing
from kvreplay.traces.trace import Trace

from .cost import StepCost
from .fetching import Places
from .front import Front
from .links import Link, bytes_moved, known_rates
from .memory import VLLM, PagedMemory, PolicyMemory, VllmMemory
from .recorder import Recorder
from .replica import Limits, Replica
from .requests import Request
from .router import router
from .sized import SizedMemory
from .speculation import Speculation, target_of, token_bytes
from .tiers import PEER, TierSpec, build


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
    sizing: Sizing | None = None  # what moves how many pages are cached; None: as many as fit
    tiers: tuple[TierSpec, ...] = ()  # below the memory of each replica
    layerwise: bool = False  # whether a prompt is prefilled layer by layer while its pages come
    fetch: str = "cheaper"  # one of fetching.RULES
    prefill_replicas: int = 0  # of all replicas, the first ones, which only prefill; the others then only decode
    interconnect: str = "network"  # between replicas, a name in links.yaml
    on_hit: str | None = None  # one of fetching.ON_HIT: what becomes of another replica's page; None: it is not used
    sync_on_write: bool = False  # whether pages that are computed are copied to all replicas


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
    places = _places(trace, server)
    names = [level.name for level in places[0].tiers.levels] + [PEER] * (server.on_hit is not None)
    recorder = Recorder(trace.n_requests, names)
    clients = None if concurrency is None else simpy.Container(env, init=concurrency)
    choose, choose_decoder = router(server.router), router(server.router)
    split = server.prefill_replicas

    def leave(request: Request) -> None:
        if clients is not None:
            clients.put(1)
        if front is not None:
            front.generated(request.number, env.now)

    def hand_over(request: Request) -> None:
        choose_decoder(request, replicas[split:]).submit(request)

    memories = [_memory(trace, server) for _ in range(server.replicas)]
    replicas = [
        Replica(
            env,
            number,
            server.cost,
            memories[number],
            server.page_tokens,
            server.limits,
            recorder,
            leave,
            places[number],
            hand_over if number < split else None,
            None if server.sizing is None else SizedMemory(memories[number], server.sizing.start(server.pages)),
        )
        for number in range(server.replicas)
    ]
    for own in places:
        own.peers = [replica for replica in replicas if replica.arrivals.places is not own]

    def enter(request: Request) -> None:
        replica = choose(request, replicas[:split] if split else replicas)
        full = server.max_queue is not None and len(replica.waiting) >= server.max_queue
        most = request.tokens
        if request.output > 1:
            most += server.cost.sequence_tokens - 1  # its last step may gain more than it asks for
        if full or -(-most // server.page_tokens) > server.pages:
            if clients is not None:
                clients.put(1)
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
            if clients is not None:
                clients.put(1)

    def arrivals() -> Generator[simpy.Event, Any, None]:
        last = 0.0
        for request in requests_of(trace, server.page_tokens, server.policy is not None, priority, server.cost.gain):
            if clients is not None:
                yield clients.get(1)
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
    links = [link for own in places for link in (*own.tiers.links, own.outbound, own.inbound)]
    recorder.moved = bytes_moved(links)
    return recorder


def _memory(trace: Trace, server: Server) -> PagedMemory:
    if server.policy is None or server.policy.name == VLLM:
        return VllmMemory(server.pages)
    return PolicyMemory(trace, server.pages, server.policy, server.seed)


def _places(trace: Trace, server: Server) -> list[Places]:
    target, specs = target_of(server.cost), server.tiers if server.policy is not None else ()
    tiers = build(specs, server.cost, server.page_tokens, trace.n_pages, server.replicas, server.seed)
    rates = known_rates(server.interconnect, target.device, target.devices)
    assert rates is not None
    return [
        Places(
            own,
            inbound=Link("interconnect_in", rates.read),
            outbound=Link("interconnect_out", rates.write, rates.latency),
            page_bytes=server.page_tokens * token_bytes(server.cost),
            rule=server.fetch,
            on_hit=server.on_hit,
            on_write=server.sync_on_write,
            layerwise=server.layerwise,
        )
        for own in tiers
    ]


def requests_of(
    trace: Trace,
    page_tokens: int,
    cached: bool,
    priority: np.ndarray | None = None,
    gain: Callable[[int], float] = lambda number: 1.0,
) -> Iterator[Request]:
    """The requests of `trace`, with the numbers of their full pages where pages are `cached`.

    `gain` tells how many tokens a request gains in a step when it decodes.
    """
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
            gain=gain(number),
        )
