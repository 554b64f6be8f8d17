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
        self.hits, self.follow, self.switches, self.seen = [0.0] * 5, GITTINS, 0, -1

    def observe(self, page):
        if self.seen == self.now:
            return
        self.seen = self.now
        for i, ghost in enumerate(self.ghosts):
            before = set(ghost.cached)
            self.hits[i] += ghost.access(page)
            self.strays[i] = [stray for stray in self.strays[i] if stray != page]
            self.strays[i] += [dropped for dropped in before - ghost.cached if dropped in self.cached]
        if (self.now + 1) % self.period == 0:
            best = self.follow
            least = 1.03 * self.hits[best]
            for i, hits in enumerate(self.hits):
                if hits > least:
                    best, least = i, hits
            if best != self.follow:
                self.follow, self.switches = best, self.switches + 1
            self.hits = [0.97 * hits for hits in self.hits]

    def hit(self, page):
        self.observe(page)

    def missed_when_full(self, page):
        self.observe(page)

    def enter(self, page):
        self.observe(page)

    def leave(self):
        victim = self.strays[self.follow][0]
        for strays in self.strays:
            if victim in strays:
                strays.remove(victim)
        return victim
