"""The random generator of the policies in plain integers."""

from __future__ import annotations

_MASK = 2**64 - 1


class Xorshift:
    """xorshift64* without its product, seeded by splitmix64."""

    def __init__(self, seed: int) -> None:
        z = (seed + 0x9E3779B97F4A7C15) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        self.x = (z ^ (z >> 31)) or 1

    def below(self, bound: int) -> int:
        x = self.x
        x ^= x >> 12
        x ^= (x << 25) & _MASK
        x ^= x >> 27
        self.x = x
        return ((x >> 32) * bound) >> 32

    def fraction(self) -> float:
        return self.below(2**31) / 2**31
