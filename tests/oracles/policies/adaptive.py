"""Adaptive over the twins of LRU and LFU."""

from __future__ import annotations

from collections import OrderedDict

from .lfu import LFU
from .lru import LRU
from .twin import Twin


class Adaptive(Twin):
    """Follows the ghost with more hits; the pages themselves are kept in both orders."""

    def start(self):
        self.ghosts = [LRU(self.capacity, self.trace), LFU(self.capacity, self.trace)]
        self.period = max(self.capacity, 100)
        self.hits, self.follow, self.switches = [0, 0], 0, 0
        self.order, self.count, self.reached = OrderedDict(), {}, {}

    def observe(self, page):
        for i, ghost in enumerate(self.ghosts):
            self.hits[i] += ghost.access(page)
        if (self.now + 1) % self.period == 0:
            other = 1 - self.follow
            if self.hits[other] > 1.02 * self.hits[self.follow]:
                self.follow, self.switches = other, self.switches + 1
            self.hits = [0, 0]

    def hit(self, page):
        self.order.move_to_end(page)
        self.count[page] += 1
        self.reached[page] = self.now
        self.observe(page)

    def enter(self, page):
        self.order[page] = None
        self.count[page], self.reached[page] = 1, self.now
        self.observe(page)

    def leave(self):
        if self.follow == 0:
            victim = next(iter(self.order))
        else:
            victim = min(self.cached, key=lambda page: (self.count[page], self.reached[page]))
        del self.order[victim], self.count[victim], self.reached[victim]
        return victim
