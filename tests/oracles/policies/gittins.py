"""Gittins from the list of all uses: what came of each of them is counted anew for every index."""

from __future__ import annotations

import itertools

from .twin import Twin

EDGES = [*range(8), *(2**k * quarter // 4 for k in range(3, 12) for quarter in (4, 5, 6, 7)), 4096]


class Gittins(Twin):
    least_period = 1024

    def start(self):
        entries = min(self.capacity, max(self.trace) + 1)
        self.width = max(entries // 16, 1)
        self.period = max(entries, self.least_period)
        self.order = []  # cached pages, the last used at the end
        self.history = {}  # page -> access numbers of its uses
        self.seen = {}  # (what, class, bin) -> how many there were at the last computation, and their faded number
        self.index = [self.model(c) for c in range(8)]

    def faded(self, *what, total):
        """`total` things were seen so far; each counts 0.97 times as much with every computation since."""
        before, number = self.seen.get(what, (0, 0.0))
        for _ in range(total - before):
            number += 1.0
        self.seen[what] = total, number * 0.97
        return number

    def slot(self, now):
        return now // self.width

    def class_of(self, uses):
        return min(uses.bit_length(), 8) - 1

    def observed(self):
        """(class, slot, age at which it was used again or None) of every use so far."""
        for times in self.history.values():
            for n, (time, after) in enumerate(zip(times, [*times[1:], None], strict=True), start=1):
                age = None if after is None else self.slot(after) - self.slot(time)
                yield self.class_of(n), self.slot(time), age

    def model(self, c):
        uses = [(slot, age) for klass, slot, age in self.observed() if klass == c]
        chances, widths = [], []
        for low, high in itertools.pairwise(EDGES):
            grown = sum(slot + low <= self.slot(self.now) and (age is None or age >= low) for slot, age in uses)
            reached = self.faded("reached", c, low, total=grown)
            used = self.faded("used", c, low, total=sum(age is not None and low <= age < high for _, age in uses))
            widths.append(high - low)
            prior = 0.5 * widths[-1] / (1 + low)
            chances.append(min((used + prior) / (reached + 1), 1.0))
        return [max(self.rates(chances[a:], widths[a:])) for a in range(len(widths))]

    def rates(self, chances, widths):
        left, hits, time = 1.0, 0.0, 0.0
        for chance, width in zip(chances, widths, strict=True):
            time += left * (1.0 - chance / 2.0) * width
            hits += left * chance
            left *= 1.0 - chance
            yield hits / time

    def use(self, page):
        if (self.now + 1) % self.period == 0:
            self.index = [self.model(c) for c in range(8)]
        self.history.setdefault(page, []).append(self.now)
        self.order.append(page)

    def hit(self, page):
        self.order.remove(page)
        self.use(page)

    enter = use

    def leave(self):
        """Of the oldest and the youngest of every class the first that has the least index."""
        ends = []
        for c in range(8):
            members = [page for page in self.order if self.class_of(len(self.history[page])) == c]
            ends += [(c, page) for page in (members[:1] + members[-1:])]
        victim = min(ends, key=lambda end: self.index[end[0]][self.bin_of(end[1])])[1]
        self.order.remove(victim)
        return victim

    def bin_of(self, page):
        age = self.slot(self.now) - self.slot(self.history[page][-1])
        return max(b for b, low in enumerate(EDGES[:-1]) if low <= age)
