"""The policies for prefixes, each by searching all pages for the least."""

from __future__ import annotations

import math
from collections import Counter

from .prefix_twin import PrefixTwin


class LengthAware(PrefixTwin):
    def start(self):
        self.uses, self.reached, self.ticks = {}, {}, 0

    def hit(self, page):
        self.used(page, self.uses[page] + 1)

    def enter(self, page):
        self.used(page, 1)

    def used(self, page, uses):
        self.ticks += 1
        self.uses[page], self.reached[page] = uses, self.ticks

    def leave(self):
        return min(self.cached, key=lambda page: (self.uses[page], -self.depth[page], self.reached[page]))


class VLLMFrequencyCost(PrefixTwin):
    alpha, decay, window = 0.0, 0.0, 1.0

    def start(self):
        self.hits, self.first_hit, self.score, self.ticks = {}, {}, {}, 0

    def hit(self, page):
        self.hits[page] += 1
        self.first_hit.setdefault(page, self.time)
        age = max(self.window, self.time - self.first_hit[page])
        frequency = self.hits[page] * math.exp(-self.decay * age) / age
        self.let_go(page, min(frequency * float(self.depth[page]) ** self.alpha, 1e15))

    def enter(self, page):
        self.hits[page] = 0
        self.first_hit.pop(page, None)
        self.let_go(page, 0.0)

    def let_go(self, page, score):
        self.ticks += 1
        self.score[page] = score, self.ticks

    def leave(self):
        return min(self.cached, key=self.score.__getitem__)


class VLLMQueueAware(PrefixTwin):
    waiting = 8

    def start(self):
        self.order = []  # of last use

    def hit(self, page):
        self.order.remove(page)
        self.order.append(page)

    def enter(self, page):
        self.order.append(page)

    def leave(self):
        queue = self.requests[self.number + 1 : self.number + 1 + self.waiting]
        spared = {page for pages in queue for page in pages}
        victim = min(self.order, key=lambda page: page in spared)
        self.order.remove(victim)
        return victim


class Marconi(PrefixTwin):
    alpha, width = 1.0, 4096

    def start(self):
        self.used, self.ticks, self.left, self.scales = {}, 0, 0, None

    def hit(self, page):
        self.enter(page)

    def enter(self, page):
        self.ticks += 1
        self.used[page] = self.time - self.arrival[0], self.ticks

    def saved(self, page):
        tokens = float(self.depth[page] * self.page_tokens)
        return tokens * (6.0 * self.width) + tokens * tokens

    def leave(self):
        if self.left % min(self.capacity, len(self.depth)) == 0:
            times = [self.used[page][0] for page in self.cached]
            saved = [self.saved(page) for page in self.cached]
            self.scales = [max(values) - min(values) or 1.0 for values in (times, saved)]
        self.left += 1
        span, spread = self.scales

        def score(page):
            time, tick = self.used[page]
            return time / span + self.alpha * (self.saved(page) / spread), tick

        return min(self.cached, key=score)


class WorkloadAware(PrefixTwin):
    def start(self):
        self.user, self.last, self.ticks = {}, {}, 0
        self.uses, self.reuses, self.waited = Counter(), Counter(), Counter()
        self.left, self.stayed = 0, 0.0

    def hit(self, page):
        self.enter(page)

    def enter(self, page):
        self.ticks += 1
        self.last[page] = self.ticks
        if self.user.get(page) == self.number:
            return
        if page in self.user:
            self.reuses[self.category_of(page)] += 1
            self.waited[self.category_of(page)] += self.unused(page)
        self.user[page] = self.number
        self.uses[self.category_of(page)] += 1

    def category_of(self, page):
        return self.category[self.user[page]]

    def unused(self, page):
        return self.time - self.arrival[self.user[page]]

    def chance(self, page):
        category = self.category_of(page)
        if self.reuses[category] == 0:
            return -math.inf
        mean = max(self.waited[category] / self.reuses[category], 1e-9)
        chance = math.log(self.reuses[category] / self.uses[category]) - self.unused(page) / mean
        if self.stayed > 0:
            chance += math.log(-math.expm1(-self.stayed / self.left / mean))
        return chance

    def leave(self):
        chances = {page: self.chance(page) for page in self.cached}
        least = min(chances.values())
        oldest = {}  # of the least likely pages of each category
        for page in sorted(self.cached, key=self.last.__getitem__, reverse=True):
            if chances[page] == least:
                oldest[self.category_of(page)] = page
        victim = min(oldest.values(), key=lambda page: (-self.depth[page], self.category_of(page)))
        self.left += 1
        self.stayed += self.unused(victim)
        return victim
