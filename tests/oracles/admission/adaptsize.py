"""AdaptSize with a dictionary of requests, and its model page by page or by kinds of page."""

from __future__ import annotations

import math
from fractions import Fraction

from tests.oracles.policies.xorshift import Xorshift

from .filters import Open


def model_hits(pages: list[tuple[float, float, float]], capacity: float, c: float) -> float:
    """Requests that hit, of `pages`: how many there are, requests of each, size of each."""
    entry = [math.exp(-size / c) for _, _, size in pages]
    inflow = sum(n * rate * size * a for (n, rate, size), a in zip(pages, entry, strict=True))
    if inflow == 0:
        return 0.0
    stay = capacity / inflow

    def cached(rate: float, a: float) -> float:
        if rate * stay > 150:
            return 1.0
        return a * math.expm1(rate * stay) / (1 + a * math.expm1(rate * stay))

    for _ in range(20):
        stay *= capacity / sum(n * size * cached(rate, a) for (n, rate, size), a in zip(pages, entry, strict=True))
    return sum(
        n * rate * cached(rate, a) * (1 - (1 - a) ** rate) for (n, rate, size), a in zip(pages, entry, strict=True)
    )


class AdaptSize(Open):
    """`sizes` and `capacity` are in bytes."""

    window = 250_000

    def __init__(self, sizes: list[int], capacity: int, seed: int = 0) -> None:
        unit = math.gcd(*sizes) or 1
        self.sizes = [max(size / unit, 1.0) for size in sizes]
        self.capacity = self.c = capacity / unit
        self.generator = Xorshift(~seed)
        self.requests, self.left = {}, self.window

    def use(self, page):
        self.requests[page] = self.requests.get(page, 0.0) + 1
        self.left -= 1
        if self.left == 0:
            self.left = self.window
            self.c = self.best()
            self.requests = {page: requests * 0.3 for page, requests in self.requests.items()}

    def admits(self, page, victim=None):
        return self.generator.fraction() < math.exp(-self.sizes[page] / self.c)

    def kinds(self):
        def quarter(number):
            mantissa, exponent = math.frexp(number)
            return exponent, int(Fraction(mantissa) * 8)

        alike = {}
        for page in sorted(self.requests):
            requests, size = self.requests[page], self.sizes[page]
            if requests >= 0.1:
                alike.setdefault((quarter(requests), quarter(size)), []).append((requests, size))
        return [
            (float(len(pages)), sum(r for r, _ in pages) / len(pages), sum(s for _, s in pages) / len(pages))
            for _, pages in sorted(alike.items())
        ]

    def best(self):
        kinds = self.kinds()
        octaves = [2.0**i for i in range(max(int(math.log2(self.capacity)), 0) + 1)]
        best = max(octaves, key=lambda c: model_hits(kinds, self.capacity, c))
        middle = round(math.log2(best)) * 8
        fine = [2.0 ** (i / 8) for i in range(max(middle - 7, 0), middle + 8)]
        return max([best, *fine], key=lambda c: model_hits(kinds, self.capacity, c))
