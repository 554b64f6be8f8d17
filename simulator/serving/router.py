"""Which replica serves a request: functions of the request and the replicas, which return one of them.

Where several are as good, the first is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .replica import Replica
from .requests import Request

Router = Callable[[Request, Sequence[Replica]], Replica]

ROUTERS = ("round-robin", "least-loaded", "session-sticky", "prefix-aware", "cache-load")


def router(name: str) -> Router:
    """A new router, one of ROUTERS. Raises ValueError for any other name."""
    if name not in ROUTERS:
        raise ValueError(f"router {name!r} is unknown; use {', '.join(ROUTERS)}")
    if name == "round-robin":
        return _round_robin
    if name == "session-sticky":
        return _SessionSticky()
    return {"least-loaded": _least_loaded, "prefix-aware": _prefix_aware, "cache-load": _cache_load}[name]


def _round_robin(request: Request, replicas: Sequence[Replica]) -> Replica:
    return replicas[request.number % len(replicas)]


def _least_loaded(request: Request, replicas: Sequence[Replica]) -> Replica:
    """The fewest requests that wait or run."""
    return min(replicas, key=lambda replica: replica.load)


class _SessionSticky:
    """Where the session's first request went, which is the least loaded one then; so for requests without a session."""

    def __init__(self) -> None:
        self._homes: dict[int, Replica] = {}

    def __call__(self, request: Request, replicas: Sequence[Replica]) -> Replica:
        if request.session < 0:
            return _least_loaded(request, replicas)
        if request.session not in self._homes:
            self._homes[request.session] = _least_loaded(request, replicas)
        return self._homes[request.session]


def _prefix_aware(request: Request, replicas: Sequence[Replica]) -> Replica:
    """The most pages hit, however long the queue; the least loaded among equals."""
    return min(replicas, key=lambda replica: (-replica.hits(request), replica.load))


def _cache_load(request: Request, replicas: Sequence[Replica]) -> Replica:
    """The least pages to prefill, of this request and those queued before it, and in use by running ones.

    The cost function of NVIDIA Dynamo's KV router with its default weight of 1 ("KV Router", docs.nvidia.com/dynamo;
    lib/llm/src/kv_router/scheduler.rs), at temperature 0: prefill blocks + active blocks. The prefix-cache and
    load scorers of llm-d weigh the same two against each other.
    """

    def cost(replica: Replica) -> int:
        return len(request.pages) - replica.hits(request) + replica.pages_to_prefill + replica.pages_held

    return min(replicas, key=cost)
