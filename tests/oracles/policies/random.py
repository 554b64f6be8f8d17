"""Random with the generator written out."""

from __future__ import annotations

from .twin import Twin


class Random(Twin):
    """xorshift64* without its product, seeded by splitmix64; the last page fills the victim's place."""

    MASK = 2**64 - 1

    def start(self):
        z = (self.seed + 0x9E3779B97F4A7C15) & self.MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & self.MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & self.MASK
        self.x = (z ^ (z >> 31)) or 1
        self.places = []

    def enter(self, page):
        self.places.append(page)

    def leave(self):
        x = self.x
        x ^= x >> 12
        x ^= (x << 25) & self.MASK
        x ^= x >> 27
        self.x = x
        at = ((x >> 32) * len(self.places)) >> 32
        victim, last = self.places[at], self.places.pop()
        if at < len(self.places):
            self.places[at] = last
        return victim
