"""LFUDA by searching for the least key."""

from __future__ import annotations

from .twin import Twin


class LFUDA(Twin):
    """K = F + L of the paper, in units of one cost; among equals the page that reached its key first."""

    def start(self):
        self.age, self.frequency, self.key, self.reached = 0, {}, {}, {}

    def hit(self, page):
        self.frequency[page] += 1
        self.key[page] = self.frequency[page] + self.age
        self.reached[page] = self.now

    def enter(self, page):
        self.frequency[page] = 0
        self.hit(page)

    def leave(self):
        victim = min(self.cached, key=lambda page: (self.key[page], self.reached[page]))
        self.age = self.key[victim]
        return victim
