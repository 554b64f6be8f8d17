"""Hyperbolic caching with exact fractions."""

from __future__ import annotations

from fractions import Fraction

from .random import Places


class Hyperbolic(Places):
    """Of 64 draws the first page of the fewest uses per access since it entered."""

    def start(self):
        super().start()
        self.uses, self.entered = {}, {}

    def hit(self, page):
        self.uses[page] += 1

    def enter(self, page):
        super().enter(page)
        self.uses[page], self.entered[page] = 1, self.now

    def leave(self):
        drawn = [self.generator.below(len(self.places)) for _ in range(64)]
        rate = {at: self.rate(self.places[at]) for at in set(drawn)}
        return self.take(min(drawn, key=rate.__getitem__))

    def rate(self, page):
        return Fraction(self.uses[page], self.now - self.entered[page])
