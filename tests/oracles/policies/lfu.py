"""LFU by searching for the least."""

from __future__ import annotations

from .twin import Twin


class LFU(Twin):
    """Least count; among equals the one that reached its count first."""

    def start(self):
        self.count, self.reached = {}, {}

    def hit(self, page):
        self.count[page] += 1
        self.reached[page] = self.now

    def enter(self, page):
        self.count[page], self.reached[page] = 1, self.now

    def leave(self):
        victim = min(self.cached, key=lambda page: (self.count[page], self.reached[page]))
        del self.count[victim], self.reached[victim]
        return victim
