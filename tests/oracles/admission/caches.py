"""Slow caches of a policy's twin behind a filter's: of pages for themselves, of pages of any size, of prefixes."""

from __future__ import annotations

from tests.oracles.policies.twin import Twin

from .filters import Open


class Behind:
    """A policy behind a filter, and the page in hand: given up by the policy, and still cached."""

    def __init__(self, policy: Twin, filter: Open) -> None:
        self.policy, self.filter = policy, filter
        self.in_hand: int | None = None
        self.heard: set[int] = set()
        policy.now = 0

    def use(self, page: int, now: int) -> None:
        self.policy.now += 1  # in the order of events: the pages of a prefix are used from the last to the first
        if now not in self.heard:
            self.filter.use(page)
        self.heard.add(now)

    def hit(self, page: int, now: int) -> None:
        self.use(page, now)
        if page == self.in_hand:
            self.in_hand = None
            self.insert(page, now)
        else:
            self.policy.hit(page)

    def insert(self, page: int, now: int) -> None:
        self.use(page, now)
        self.policy.cached.add(page)
        self.policy.enter(page)

    def admits(self, page: int, now: int) -> bool:
        self.use(page, now)
        if self.filter.judges_victim and self.in_hand is None and self.policy.cached:
            self.in_hand = self.evict()
        unjudged = self.filter.judges_victim and self.in_hand is None
        if not unjudged and not self.filter.admits(page, self.in_hand):
            return False
        self.policy.missed_when_full(page)
        return True

    def evict(self) -> int:
        if self.in_hand is not None:
            victim, self.in_hand = self.in_hand, None
            return victim
        victim = self.policy.leave()
        self.policy.cached.remove(victim)
        return victim


class SizedCache:
    """A cache of `capacity` bytes."""

    def __init__(self, behind: Behind, capacity: int, sizes: list[int]) -> None:
        self.behind, self.capacity, self.sizes = behind, capacity, sizes
        self.cached: set[int] = set()
        self.now = -1

    def access(self, page: int) -> bool:
        self.now += 1
        if page in self.cached:
            self.behind.hit(page, self.now)
            return True
        if self.sizes[page] > self.capacity or (not self.fits(page) and not self.behind.admits(page, self.now)):
            return False
        while not self.fits(page):
            self.cached.remove(self.behind.evict())
        self.cached.add(page)
        self.behind.insert(page, self.now)
        return False

    def fits(self, page: int) -> bool:
        return sum(self.sizes[other] for other in self.cached) + self.sizes[page] <= self.capacity


class IndependentCache(SizedCache):
    """A cache of `capacity` pages."""

    def __init__(self, behind: Behind, capacity: int, n_pages: int) -> None:
        super().__init__(behind, capacity, [1] * n_pages)


class PrefixCache:
    """A cache of `capacity` pages of prefixes: only their beginning hits; no page leaves that is in use or a parent."""

    def __init__(self, behind: Behind, capacity: int) -> None:
        self.behind, self.capacity = behind, capacity
        self.cached: dict[int, int | None] = {}  # page -> the page before it
        self.given_up: list[int] = []  # of the cached ones, by the policy
        self.now = 0

    def request(self, pages: list[int]) -> int:
        """Number of pages hit: the longest cached prefix."""
        first, self.now = self.now, self.now + len(pages)
        hits = 0
        while hits < len(pages) and pages[hits] in self.cached:
            hits += 1
        for i in reversed(range(hits)):
            self.tell(pages[i], first + i)
        kept = hits
        while kept < min(len(pages), self.capacity):
            if len(self.cached) == self.capacity:
                if not self.behind.admits(pages[kept], first + kept):
                    break
                self.make_room(set(pages[:kept]))
            self.cached[pages[kept]] = pages[kept - 1] if kept else None
            kept += 1
        for i in reversed(range(kept)):
            if i >= hits or pages[i] in self.given_up:
                self.behind.insert(pages[i], first + i)
                self.given_up = [page for page in self.given_up if page != pages[i]]
        return hits

    def tell(self, page: int, now: int) -> None:
        if page in self.given_up:
            self.given_up.remove(page)
            self.behind.insert(page, now)
        else:
            self.behind.hit(page, now)

    def make_room(self, in_use: set[int]) -> None:
        def may_leave(page: int) -> bool:
            return page not in in_use and page not in self.cached.values()

        victims = [page for page in self.given_up if may_leave(page)]
        while not victims:
            page = self.behind.evict()
            if may_leave(page):
                victims = [page]
            else:
                self.given_up.append(page)
        del self.cached[victims[0]]
        self.given_up = [page for page in self.given_up if page != victims[0]]
