"""CACHEUS over lists, after the paper's algorithms and the authors' program."""

from __future__ import annotations

from .lecar import Experts


class Cacheus(Experts):
    """S and Q as lists, oldest first."""

    def start(self):
        super().start()
        self.s, self.q, self.new, self.demoted = [], [], set(), set()
        self.s_room = max(self.capacity - max(int(self.capacity * 0.01 + 0.5), 1), 1)
        self.rate, self.rate_before, self.ratio = 0.001 + 0.999 * self.generator.fraction(), 0.0, 0.0
        self.hits, self.idle, self.ever_full, self.before = 0, 0, False, None

    def hit(self, page):
        if page in self.q:
            if page in self.demoted:
                self.resize(self.s_room + self.step(self.n_new(), len(self.demoted)))
                self.demoted.remove(page)
            self.q.remove(page)
            if len(self.s) >= self.s_room:
                self.demote()
        else:
            self.s.remove(page)
        self.s.append(page)
        self.count[page] += 1
        self.reached[page] = self.now
        self.end_access(hit=True)

    def missed_when_full(self, page):
        self.ever_full, self.before = True, None
        for expert, history in enumerate(self.histories):
            if page in history:
                self.before, _ = history.pop(page)
                if expert == 0 and page in self.new:
                    self.resize(self.s_room - self.step(len(self.demoted), self.n_new()))
                self.blame(expert, self.rate)

    def enter(self, page):
        self.new.discard(page)
        self.count[page], self.reached[page] = (self.before or 0) + 1, self.now
        if self.before is not None:
            self.s.append(page)
            self.limit()
        elif not self.ever_full and len(self.s) < self.s_room and not self.q:
            self.s.append(page)
        elif not self.ever_full and len(self.q) < self.capacity - self.s_room:
            self.q.append(page)
        else:
            self.q.append(page)
            self.new.add(page)
            self.limit()
        self.end_access(hit=False)

    def leave(self):
        expert = self.choose()
        by_lru = self.q[0] if self.q else self.s[0]
        by_lfu = min(self.cached, key=lambda page: (self.count[page], -self.reached[page]))
        victim = (by_lru, by_lfu)[expert]
        if by_lru != by_lfu:
            self.remember(expert, victim)
        (self.q if victim in self.q else self.s).remove(victim)
        self.demoted.discard(victim)
        return victim

    def limit(self):
        while self.s and len(self.s) >= self.s_room:
            self.demote()

    def demote(self):
        page = self.s.pop(0)
        self.q.append(page)
        self.demoted.add(page)

    def n_new(self):
        return len(self.new & set(self.histories[0]))

    def step(self, many, few):
        return max(1, int(many / max(1, few) + 0.5))

    def resize(self, room):
        self.s_room = max(min(room, self.capacity - 1), 1)

    def end_access(self, hit):
        self.hits += hit
        if (self.now + 1) % self.capacity:
            return
        ratio = self.hits / self.capacity
        gain, change = ratio - self.ratio, self.rate - self.rate_before
        self.rate_before, self.ratio, self.hits = self.rate, ratio, 0
        if change != 0:
            sign = 1 if gain / change > 0 else -1
            self.rate = min(max(self.rate + sign * abs(self.rate * change), 0.001), 1.0)
            self.idle = 0
        elif ratio == 0 or gain <= 0:
            self.idle += 1
            if self.idle == 10:
                self.idle, self.rate = 0, 0.001 + 0.999 * self.generator.fraction()
