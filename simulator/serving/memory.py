"""The KV memory of one replica in pages: those that requests hold, and those kept for later requests to hit.

Every page is free, taken by one request, or cached: known by its number in the trace, and pinned while requests use it.
Cached pages that none uses are idle: they are available to `take`, and leave when others need room.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Protocol

import numpy as np

from kvreplay.policies import Policy, PolicyError
from kvreplay.simulator.caches.pages.prefix import Prefix
from kvreplay.simulator.caches.pages.prefix_cache import PrefixCache
from kvreplay.traces.trace import Trace

VLLM = "vllm-lru"  # the policy that is vLLM's own memory


def check_policy(policy: Policy) -> None:
    """Raise PolicyError for a policy that no server can follow: it must know the future, or is a cache of its own."""
    if policy.given and (policy.name == VLLM or "queue" in policy.needs):
        raise PolicyError(f"policy {policy.label}: takes no parameters with a clock; write {policy.name}")
    if policy.name == VLLM:
        return
    if policy.hooks.by_request:
        raise PolicyError(f"policy {policy.label} is a whole prefix cache of its own; use one that decides by page")
    ahead = policy.needs & {"future"} if "queue" in policy.needs else policy.needs & {"future", "requests"}
    if ahead:
        what = f"policy {policy.label} must know the order of requests ({', '.join(sorted(ahead))})"
        raise PolicyError(f"{what}, which with a clock nobody does; use another policy")


class PagedMemory(Protocol):
    """`capacity` pages. A lease is what one request uses of the cached ones: a prefix of its prompt."""

    capacity: int
    queue: np.ndarray | None  # (n_pages,) int32: waiting requests that ask for each page; None: nobody wants to know

    @property
    def available(self) -> int:
        """Pages that `take` can have."""
        ...

    @property
    def pinned(self) -> int:
        """Cached pages in use."""
        ...

    @property
    def leased(self) -> int:
        """Pages of all leases: those that several requests use are counted as often."""
        ...

    @property
    def idle(self) -> int:
        """Cached pages that no request uses."""
        ...

    def lookup(self, pages: np.ndarray) -> tuple[int, int]:
        """How many of `pages` are cached, from the start, and how many of those are idle."""
        ...

    def lease(self, pages: np.ndarray) -> Any:
        """Use cached pages: none of them leaves before `release`."""
        ...

    def take(self, count: int) -> None:
        """Hold `count` pages more, of those available; idle ones leave if need be."""
        ...

    def keep(self, lease: Any, pages: np.ndarray) -> None:
        """Cache pages that were taken, and lease them. Of those cached already the taken copy becomes free."""
        ...

    def release(self, lease: Any, taken: int) -> None:
        """Give back `taken` pages and a lease."""
        ...

    def trim(self, limit: int) -> None:
        """Let idle pages leave until no more than `limit` are cached, or none is idle."""
        ...


class VllmMemory:
    """vLLM's own: idle pages leave in the order in which they became idle; those of one request, the last page first.

    So a page leaves before those that it depends on.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = self.free = capacity
        self.queue: np.ndarray | None = None
        self.leased = 0
        self._pins: dict[int, int] = {}  # of cached pages in use
        self._idle: OrderedDict[int, None] = OrderedDict()  # the first leaves next

    @property
    def available(self) -> int:
        return self.free + len(self._idle)

    @property
    def pinned(self) -> int:
        return len(self._pins)

    @property
    def idle(self) -> int:
        return len(self._idle)

    def lookup(self, pages: np.ndarray) -> tuple[int, int]:
        hits = idle = 0
        for page in pages.tolist():
            if page in self._idle:
                idle += 1
            elif page not in self._pins:
                break
            hits += 1
        return hits, idle

    def lease(self, pages: np.ndarray) -> list[int]:
        lease: list[int] = []
        self._pin(lease, pages.tolist())
        return lease

    def take(self, count: int) -> None:
        while self.free < count:
            self._idle.popitem(last=False)
            self.free += 1
        self.free -= count

    def keep(self, lease: list[int], pages: np.ndarray) -> None:
        numbers = pages.tolist()
        self.free += sum(page in self._idle or page in self._pins for page in numbers)
        self._pin(lease, numbers)

    def drop(self, pages: np.ndarray) -> None:
        """Let those of `pages` leave that no request uses."""
        for page in pages.tolist():
            if page in self._idle:
                del self._idle[page]
                self.free += 1

    def release(self, lease: list[int], taken: int) -> None:
        self.free += taken
        self.leased -= len(lease)
        for page in reversed(lease):
            pins = self._pins[page] - 1
            if pins:
                self._pins[page] = pins
            else:
                del self._pins[page]
                self._idle[page] = None

    def trim(self, limit: int) -> None:
        while self._idle and self.pinned + self.idle > limit:
            self._idle.popitem(last=False)
            self.free += 1

    def _pin(self, lease: list[int], pages: list[int]) -> None:
        for page in pages:
            self._idle.pop(page, None)
            self._pins[page] = self._pins.get(page, 0) + 1
        lease += pages
        self.leased += len(pages)


class PolicyMemory:
    """The prefix cache of the untimed replay: any by-page policy says which idle page leaves, leaves of the tree first.

    The policy hears of a use when a request is admitted, and of a new page when it is scheduled; `VllmMemory` counts
    both as of the request's end.
    """

    def __init__(self, trace: Trace, capacity: int, policy: Policy, seed: int = 0) -> None:
        self.capacity = capacity
        self.leased = 0
        self._taken = 0
        self.queue = np.zeros(trace.n_pages, np.int32) if "queue" in policy.needs else None
        self._cache = PrefixCache.for_trace(trace, capacity, policy, seed=seed, queue=self.queue)

    @property
    def available(self) -> int:
        return self.capacity - self._taken - self.pinned

    @property
    def pinned(self) -> int:
        return self._cache.stats().pinned

    @property
    def idle(self) -> int:
        stats = self._cache.stats()
        return stats.cached - stats.pinned

    def lookup(self, pages: np.ndarray) -> tuple[int, int]:
        return self._cache.peek(pages)

    def lease(self, pages: np.ndarray) -> Prefix:
        self.leased += len(pages)
        return self._cache.lookup(pages)

    def take(self, count: int) -> None:
        self._cache.evict(max(count - (self.capacity - self._taken - self._cache.stats().cached), 0))
        self._taken += count

    def keep(self, lease: Prefix, pages: np.ndarray) -> None:
        self._cache.extend(lease, pages)
        self._cache.insert(lease)
        self._taken -= len(pages)
        self.leased += len(pages)

    def release(self, lease: Prefix, taken: int) -> None:
        self.leased -= lease.held
        self._cache.release(lease)
        self._taken -= taken

    def trim(self, limit: int) -> None:
        self._cache.evict(max(self._cache.stats().cached - limit, 0))
