"""LHD with its events in lists."""

from __future__ import annotations

from .random import Places

AGES, CLASSES = 1024, 12


class LHD(Places):
    def start(self):
        super().start()
        entries = min(self.capacity, max(self.trace) + 1)
        self.width = 1  # accesses per age
        while AGES * self.width < 100 * entries:
            self.width *= 2
        self.period = max(8 * entries, 1024)
        self.hits = [[0.0] * AGES for _ in range(CLASSES)]
        self.evictions = [[0.0] * AGES for _ in range(CLASSES)]
        self.density = [[(c + 1) / (age + 1) for age in range(AGES - 1)] + [-1.0] for c in range(CLASSES)]
        self.last_use, self.hit_ages = {}, {}

    def age(self, page):
        return min((self.now - self.last_use[page]) // self.width, AGES - 1)

    def class_of(self, page):
        """By the last two ages at a hit; one that was not hit yet counts as never to be."""
        ages = sum(self.hit_ages[page][-2:])
        if not self.hit_ages[page]:
            return 0
        return next((n for n in range(CLASSES - 1) if ages << n >= AGES), CLASSES - 1)

    def hit(self, page):
        self.hits[self.class_of(page)][self.age(page)] += 1
        self.hit_ages[page].append(self.age(page))
        self.used(page)

    def enter(self, page):
        super().enter(page)
        self.hit_ages[page] = []
        self.used(page)

    def used(self, page):
        self.last_use[page] = self.now
        if (self.now + 1) % self.period == 0:
            for c in range(CLASSES):
                self.model(c)

    def model(self, c):
        hits = events = lifetimes = 0.0
        for age in reversed(range(AGES)):
            self.hits[c][age] *= 0.9
            self.evictions[c][age] *= 0.9
            hits += self.hits[c][age]
            events += self.hits[c][age] + self.evictions[c][age]
            lifetimes += events
            self.density[c][age] = hits / lifetimes if events > 1e-5 else 0.0
        self.density[c][-1] = -1.0

    def leave(self):
        drawn = [self.generator.below(len(self.places)) for _ in range(32)]
        density = {at: self.density[self.class_of(self.places[at])][self.age(self.places[at])] for at in set(drawn)}
        at = min(drawn, key=density.__getitem__)
        page = self.places[at]
        self.evictions[self.class_of(page)][self.age(page)] += 1
        return self.take(at)
