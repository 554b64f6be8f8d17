"""An LRU prefix cache as a dict of last uses: the coldest page leaves that no cached page and no request depends on."""

from __future__ import annotations


class PrefixLRU:
    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.last_use: dict[int, int] = {}
        self.parent: dict[int, int | None] = {}
        self.clock = 0

    def request(self, pages: list[int]) -> int:
        """Number of pages hit: the longest cached prefix."""
        hits = 0
        while hits < len(pages) and pages[hits] in self.last_use:
            hits += 1
        kept = pages[: self.capacity]
        self.use(pages[:hits])
        for page in kept[hits:]:
            if len(self.last_use) == self.capacity:
                self.evict(in_use=set(pages))
            self.last_use[page] = self.clock
            self.parent[page] = pages[pages.index(page) - 1] if page != pages[0] else None
        # One clock tick per page, the last page first: a page is never colder than one that depends on it.
        self.use(kept)
        return hits

    def use(self, pages: list[int]) -> None:
        for page in reversed(pages):
            self.clock += 1
            self.last_use[page] = self.clock

    def evict(self, in_use: set[int]) -> None:
        depended_on = {self.parent[page] for page in self.last_use}
        leaves = [page for page in self.last_use if page not in depended_on and page not in in_use]
        del self.last_use[min(leaves, key=self.last_use.__getitem__)]
