"""LeCaR over an ordered dict, counts and two histories."""

from __future__ import annotations

from collections import OrderedDict
from math import exp, log

from .twin import Twin
from .xorshift import Xorshift


class Experts(Twin):
    """LRU (0) and LFU (1), a history of each, and the weight of LRU."""

    def start(self):
        self.generator = Xorshift(self.seed)
        self.count, self.reached = {}, {}
        self.histories = [OrderedDict(), OrderedDict()]  # page -> its count, and when it left
        self.weight = 0.5

    def blame(self, expert, loss):
        weights = [self.weight, 1.0 - self.weight]
        weights[expert] *= exp(-loss)
        self.weight = min(max(weights[0] / sum(weights), 0.01), 0.99)

    def choose(self):
        return 0 if self.generator.fraction() < self.weight else 1

    def remember(self, expert, page):
        """Returns the page that the history forgets for it."""
        history, forgotten = self.histories[expert], None
        if self.capacity // 2:
            if len(history) == self.capacity // 2:
                forgotten, _ = history.popitem(last=False)
            history[page] = self.count[page], self.now
        return forgotten


class LeCaR(Experts):
    def start(self):
        super().start()
        self.order, self.before = OrderedDict(), 0

    def hit(self, page):
        self.order.move_to_end(page)
        self.count[page] += 1
        self.reached[page] = self.now

    def missed_when_full(self, page):
        self.before = 0
        for expert, history in enumerate(self.histories):
            if page in history:
                self.before, left = history.pop(page)
                self.blame(expert, 0.45 * exp(log(0.005) / self.capacity * (self.now - left)))

    def enter(self, page):
        self.order[page] = None
        self.count[page], self.reached[page] = self.before + 1, self.now

    def leave(self):
        expert = self.choose()
        by_lru = next(iter(self.order))
        by_lfu = min(self.order, key=lambda page: (self.count[page], self.reached[page]))
        victim = (by_lru, by_lfu)[expert]
        if by_lru != by_lfu:
            self.remember(expert, victim)
        del self.order[victim], self.count[victim]
        return victim
