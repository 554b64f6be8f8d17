"""MRU by the time of the last use."""

from __future__ import annotations

from .twin import Twin


class MRU(Twin):
    def start(self):
        self.last = {}

    def hit(self, page):
        self.last[page] = self.now

    enter = hit

    def leave(self):
        return max(self.cached, key=self.last.__getitem__)
