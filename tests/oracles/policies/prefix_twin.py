"""A prefix cache around the twin of any policy: contiguous hits, pinned pages, leaves first, with sets and lists."""

from __future__ import annotations

import itertools

from kvreplay.traces.trace import Trace

from .twin import Twin


class PrefixTwin(Twin):
    """A twin that may look at the requests: `number` is the current one."""

    def __init__(self, capacity: int, trace: Trace, category: list[int] | None = None) -> None:
        offsets = trace.offsets.tolist()
        self.requests = [trace.pages[a:b].tolist() for a, b in itertools.pairwise(offsets)]
        self.arrival = range(len(self.requests)) if trace.arrival is None else trace.arrival.tolist()
        self.category = category or [-1] * len(self.requests)
        self.page_tokens = trace.page_tokens or 1
        self.depth = {page: place for pages in self.requests for place, page in enumerate(pages, 1)}
        self.number = -1
        super().__init__(capacity, trace.pages.tolist())

    @property
    def time(self) -> float:
        return self.arrival[self.number]


class PrefixCache:
    """What the prefix reading makes of a twin; `twin.cached` are the pages that it did not give up yet."""

    def __init__(self, twin: PrefixTwin) -> None:
        self.twin = twin
        self.parent: dict[int, int | None] = {}  # of every cached page

    def request(self) -> int:
        """Serve the twin's next request. Number of pages hit: the longest cached prefix."""
        twin = self.twin
        twin.number += 1
        pages = twin.requests[twin.number]
        hits = 0
        while hits < len(pages) and pages[hits] in self.parent:
            hits += 1
        for page in reversed(pages[:hits]):
            if page in twin.cached:
                twin.now += 1
                twin.hit(page)
            else:
                self.tell(page)
        new = pages[hits : twin.capacity]
        for page in new:
            if len(self.parent) == twin.capacity:
                self.evict(in_use=set(pages))
            self.parent[page] = pages[pages.index(page) - 1] if page != pages[0] else None
        for page in reversed(pages[:hits] + new):
            if page not in twin.cached:  # new, or given up while it was in use
                self.tell(page)
        return hits

    def tell(self, page: int) -> None:
        self.twin.now += 1
        self.twin.cached.add(page)
        self.twin.enter(page)

    def evict(self, in_use: set[int]) -> None:
        """The twin gives up pages until one can leave; one that could not leaves as soon as it can."""
        while True:
            depended_on = set(self.parent.values())
            free = [p for p in self.parent if not {p} & (self.twin.cached | depended_on | in_use)]
            if free:
                del self.parent[free[0]]
                return
            self.twin.cached.remove(self.twin.leave())
