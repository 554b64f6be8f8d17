"""Adaptive over the twins of the policies that it runs."""

from __future__ import annotations

from .gittins import Gittins
from .lfu import LFU
from .lirs import LIRS
from .lru import LRU
from .twin import Twin
from .w_tinylfu import WTinyLFU

GITTINS = 4


class Adaptive(Twin):
    """Drops what the followed ghost dropped; the pages it dropped and the cache still has are kept in that order."""

    def start(self):
        self.ghosts = [kind(self.capacity, self.trace) for kind in (LRU, LFU, LIRS, WTinyLFU, Gittins)]
        self.strays = [[] for _ in self.ghosts]
        self.period = max(self.capacity, 100)
        self.hits, self.follow, self.switches = [0.0] * 5, GITTINS, 0

    def hit(self, page):
        for i, ghost in enumerate(self.ghosts):
            before = set(ghost.cached)
            self.hits[i] += ghost.access(page)
            self.strays[i] = [stray for stray in self.strays[i] if stray != page]
            self.strays[i] += [dropped for dropped in before - ghost.cached if dropped in self.cached]
        if (self.now + 1) % self.period == 0:
            best = max(range(5), key=lambda i: (self.hits[i], -i))
            if self.hits[best] > self.hits[self.follow] + 0.7 * self.capacity:
                self.follow, self.switches = best, self.switches + 1
            self.hits = [0.98 * hits for hits in self.hits]

    enter = hit

    def leave(self):
        ghost, strays = self.ghosts[self.follow], self.strays[self.follow]
        while not strays:
            ghost.now += 1  # the access that it will see when the page has its place
            dropped = ghost.leave()
            ghost.now -= 1
            ghost.cached.remove(dropped)
            strays += {dropped} & self.cached
        victim = strays[0]
        for strays in self.strays:
            if victim in strays:
                strays.remove(victim)
        return victim
