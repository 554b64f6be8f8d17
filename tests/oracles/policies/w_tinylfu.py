"""W-TinyLFU as lists, over a sketch in a dict."""

from __future__ import annotations

from .twin import Twin


def lowbias32(x: int) -> int:
    x ^= x >> 16
    x = x * 0x7FEB352D & 0xFFFFFFFF
    x ^= x >> 15
    x = x * 0x846CA68B & 0xFFFFFFFF
    return x ^ x >> 16


class Sketch:
    """Count-min in blocks of 8 words of 16 counters, as Caffeine's FrequencySketch lays them out, in a dict."""

    def __init__(self, entries: int) -> None:
        self.blocks = max(1 << (entries - 1).bit_length(), 8) // 8
        self.counters = {}
        self.size, self.sample = 0, 10 * entries

    def places(self, page):
        block = lowbias32(page ^ 0x2545F491) % self.blocks
        bits = lowbias32(page ^ 0x6C8E9CF5)
        for row in range(4):
            byte = bits >> 8 * row
            yield block, 2 * row + (byte & 1), (byte >> 1) & 15

    def add(self, page):
        grown = [place for place in self.places(page) if self.counters.get(place, 0) < 15]
        for place in grown:
            self.counters[place] = self.counters.get(place, 0) + 1
        self.size += bool(grown)
        if grown and self.size == self.sample:
            odd = sum(count % 2 for count in self.counters.values())
            self.counters = {place: count // 2 for place, count in self.counters.items()}
            self.size = (self.size - odd // 4) // 2

    def estimate(self, page):
        return min(self.counters.get(place, 0) for place in self.places(page))


class WTinyLFU(Twin):
    recency = 0.0

    def start(self):
        main = int(self.capacity * 0.99)
        self.window_room, self.protected_room = self.capacity - main, int(main * 0.8)
        self.window, self.probation, self.protected = [], [], []  # oldest first
        self.sketch = Sketch(min(self.capacity, max(self.trace) + 1))
        self.last = {}

    def note(self, page):
        self.sketch.add(page)
        self.last[page] = self.now

    def hit(self, page):
        self.note(page)
        if page in self.window:
            self.window.remove(page)
            self.window.append(page)
            return
        (self.probation if page in self.probation else self.protected).remove(page)
        self.protected.append(page)
        if len(self.protected) > self.protected_room:
            self.probation.append(self.protected.pop(0))

    def enter(self, page):
        self.note(page)
        self.window.append(page)
        if len(self.window) > self.window_room:
            self.probation.append(self.window.pop(0))

    def score(self, page):
        frequency = self.sketch.estimate(page)
        if not self.recency:
            return frequency
        freshness = max(1.0 - (self.now - self.last[page]) / (10 * self.capacity), 0.0)
        return (1.0 - self.recency) * frequency / 15 + self.recency * freshness

    def leave(self):
        candidate = self.window.pop(0)
        if not self.probation or self.score(candidate) <= self.score(self.probation[0]):
            return candidate
        self.probation.append(candidate)
        return self.probation.pop(0)


class WTinyLFU8020(WTinyLFU):
    recency = 0.2


class WTinyLFUClimb(WTinyLFU):
    """Every sample, the window moves as Caffeine's climb() does."""

    def start(self):
        super().start()
        self.step, self.ratio, self.hits = -0.0625 * self.capacity, 0.0, 0

    def hit(self, page):
        super().hit(page)
        self.hits += 1
        self.climb()

    def enter(self, page):
        super().enter(page)
        self.climb()

    def climb(self):
        if (self.now + 1) % self.sketch.sample:
            return
        ratio = self.hits / self.sketch.sample
        change, self.ratio, self.hits = ratio - self.ratio, ratio, 0
        amount = self.step if change >= 0 else -self.step
        self.step = 0.98 * amount
        if abs(change) >= 0.05:
            self.step = 0.0625 * self.capacity * (1 if amount >= 0 else -1)
        if amount >= 0:
            quota = min(int(amount), self.protected_room)
            self.probation += [self.protected.pop(0) for _ in range(len(self.protected) + quota - self.protected_room)]
            main = self.probation + self.protected
            quota = min(quota, len(main))
            self.window += main[:quota]
            self.probation, self.protected = (
                self.probation[quota:],
                self.protected[max(quota - len(self.probation), 0) :],
            )
        else:
            quota = -min(int(-amount), self.window_room - 1, len(self.window))
            self.probation += self.window[:-quota]
            self.window = self.window[-quota:]
        self.window_room += quota
        self.protected_room -= quota
