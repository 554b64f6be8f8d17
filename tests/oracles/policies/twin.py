"""What the twins of the eviction policies share: the cache, and the order in which a policy hears of an access."""

from __future__ import annotations


class Twin:
    """A cache of `capacity` pages; subclasses say what a hit changes, how a page enters, and who leaves."""

    def __init__(self, capacity: int, trace: list[int], seed: int = 0) -> None:
        self.capacity, self.trace, self.seed = capacity, trace, seed
        self.cached: set[int] = set()
        self.now = -1
        self.start()

    def access(self, page: int) -> bool:
        self.now += 1
        if page in self.cached:
            self.hit(page)
            return True
        if len(self.cached) == self.capacity:
            if not self.admits(page):
                return False
            self.missed_when_full(page)
            self.cached.remove(self.leave())
        self.cached.add(page)
        self.enter(page)
        return False

    def start(self) -> None: ...
    def hit(self, page: int) -> None: ...
    def admits(self, page: int) -> bool:
        return True

    def missed_when_full(self, page: int) -> None: ...
    def enter(self, page: int) -> None: ...
    def leave(self) -> int:
        raise NotImplementedError
