"""The admission filters that look at no sizes, each straight from its definition.

`entries` is how many pages the cache holds.
"""

from __future__ import annotations

from tests.oracles.policies.w_tinylfu import Sketch, lowbias32
from tests.oracles.policies.xorshift import Xorshift


class Open:
    """Lets everything in."""

    judges_victim = False

    def __init__(self, entries: int = 1, seed: int = 0) -> None:
        self.entries, self.seed = entries, seed
        self.start()

    def start(self) -> None: ...
    def use(self, page: int) -> None: ...
    def admits(self, page: int, victim: int | None = None) -> bool:
        return True


class TinyLFU(Open):
    judges_victim = True

    def start(self):
        self.sketch = Sketch(self.entries)

    def use(self, page):
        self.sketch.add(page)

    def admits(self, page, victim=None):
        return self.sketch.estimate(page) > self.sketch.estimate(victim)


class Bloom(Open):
    """Two sets of bit numbers."""

    bits = 16

    def start(self):
        words = self.entries * self.bits // 64
        self.words = 1
        while self.words < words or (words == 0 and self.words < 2):
            self.words *= 2
        self.recent, self.former, self.taken = set(), set(), 0

    def places(self, page):
        hashes = [lowbias32(page ^ salt) for salt in (0x1B873593, 0x52DCE729, 0x38495AB5)]
        return {(h // 64 % self.words, h % 64) for h in hashes}

    def use(self, page):
        places = self.places(page)
        self.known = places <= self.recent or places <= self.former
        if not places <= self.recent:
            self.recent |= places
            self.taken += 1
        if self.taken == self.entries:
            self.recent, self.former, self.taken = set(), self.recent, 0

    def admits(self, page, victim=None):
        return self.known


class Probabilistic(Open):
    p = 0.5

    def start(self):
        # The policy behind the filter draws from the seed itself.
        self.generator = Xorshift(~self.seed)

    def admits(self, page, victim=None):
        return self.generator.fraction() < self.p
