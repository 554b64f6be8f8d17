"""LRU-K by searching all histories for the greatest backward K-distance."""

from __future__ import annotations

import math

from .twin import Twin


class LRUK(Twin):
    """`uses` are the access numbers of every use of each page, oldest first; infinite distances go by LRU."""

    k = 2

    def start(self):
        self.uses = {}

    def hit(self, page):
        self.uses[page].append(self.now)

    def enter(self, page):
        self.uses.setdefault(page, []).append(self.now)

    def distance(self, page):
        uses = self.uses[page]
        kth = self.now - uses[-self.k] if len(uses) >= self.k else math.inf
        return kth, self.now - uses[-1]

    def leave(self):
        return max(self.cached, key=self.distance)


class LRUKNoHistory(LRUK):
    def leave(self):
        victim = super().leave()
        del self.uses[victim]
        return victim
