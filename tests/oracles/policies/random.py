"""Random over a list of pages."""

from __future__ import annotations

from .twin import Twin
from .xorshift import Xorshift


class Places(Twin):
    """A list of the cached pages to draw from; the last page fills the place of one that leaves."""

    def start(self):
        self.generator = Xorshift(self.seed)
        self.places = []

    def enter(self, page):
        self.places.append(page)

    def take(self, at):
        victim, last = self.places[at], self.places.pop()
        if at < len(self.places):
            self.places[at] = last
        return victim


class Random(Places):
    def leave(self):
        return self.take(self.generator.below(len(self.places)))
