"""Twins of the eviction policies, each straight from its definition."""

from __future__ import annotations

from collections import OrderedDict, deque


class Twin:
    """A cache of `capacity` pages; subclasses say what a hit changes, how a page enters, and who leaves."""

    def __init__(self, capacity: int, trace: list[int], seed: int = 0) -> None:
        self.capacity, self.trace, self.seed = capacity, trace, seed
        self.cached: set[int] = set()
        self.now = -1
        self.start()

    def access(self, page: int) -> bool:
        self.now += 1
        if page in self.cached:
            self.hit(page)
            return True
        if len(self.cached) == self.capacity:
            self.missed_when_full(page)
            self.cached.remove(self.leave())
        self.cached.add(page)
        self.enter(page)
        return False

    def start(self) -> None: ...
    def hit(self, page: int) -> None: ...
    def missed_when_full(self, page: int) -> None: ...
    def enter(self, page: int) -> None: ...
    def leave(self) -> int:
        raise NotImplementedError


class LRU(Twin):
    def start(self):
        self.order = OrderedDict()

    def hit(self, page):
        self.order.move_to_end(page)

    def enter(self, page):
        self.order[page] = None

    def leave(self):
        return self.order.popitem(last=False)[0]


class FIFO(LRU):
    def hit(self, page):
        pass


class LFU(Twin):
    """Least count; among equals the one that reached its count first."""

    def start(self):
        self.count, self.reached = {}, {}

    def hit(self, page):
        self.count[page] += 1
        self.reached[page] = self.now

    def enter(self, page):
        self.count[page], self.reached[page] = 1, self.now

    def leave(self):
        victim = min(self.cached, key=lambda page: (self.count[page], self.reached[page]))
        del self.count[victim], self.reached[victim]
        return victim


class Sieve(Twin):
    """The queue as a list, oldest first; the hand is a page, None for the oldest."""

    def start(self):
        self.queue, self.visited, self.hand = [], set(), None

    def hit(self, page):
        self.visited.add(page)

    def enter(self, page):
        self.queue.append(page)

    def leave(self):
        at = self.queue.index(self.hand) if self.hand is not None else 0
        while self.queue[at] in self.visited:
            self.visited.remove(self.queue[at])
            at = (at + 1) % len(self.queue)
        victim = self.queue.pop(at)
        self.hand = self.queue[at] if at < len(self.queue) else None
        return victim


class S3FIFO(Twin):
    """Queues as deques, oldest first."""

    def start(self):
        self.small_room = max(int(self.capacity * 0.1), 1)
        self.main_room = self.capacity - self.small_room
        self.ghost_room = int(self.capacity * 0.9)
        self.small, self.main, self.ghost = deque(), deque(), deque()
        self.uses, self.recalled, self.evicted = {}, False, False

    def hit(self, page):
        self.uses[page] += 1

    def missed_when_full(self, page):
        self.recall(page)

    def recall(self, page):
        if page in self.ghost:
            self.ghost.remove(page)
            self.recalled = True

    def enter(self, page):
        self.recall(page)
        self.uses[page] = 0
        into_main = self.recalled or (not self.evicted and len(self.small) >= self.small_room)
        (self.main if into_main else self.small).append(page)
        self.recalled = False

    def leave(self):
        self.evicted = True
        from_small = len(self.main) <= self.main_room
        while from_small and self.small:
            page = self.small.popleft()
            if self.uses[page] < 2:
                if self.ghost_room:
                    if len(self.ghost) == self.ghost_room:
                        self.ghost.popleft()
                    self.ghost.append(page)
                return page
            self.uses[page] = 0
            self.main.append(page)
        while self.uses[self.main[0]] > 0:
            page = self.main.popleft()
            self.uses[page] = min(self.uses[page], 3) - 1
            self.main.append(page)
        return self.main.popleft()


class Belady(Twin):
    """Farthest next use, found by looking ahead. Which of several dead pages leaves does not change the hits."""

    def leave(self):
        def next_use(page):
            ahead = self.trace[self.now :]
            return ahead.index(page) if page in ahead else len(self.trace)

        return max(self.cached, key=next_use)


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


class Adaptive(Twin):
    """Follows the ghost with more hits; the pages themselves are kept in both orders."""

    def start(self):
        self.ghosts = [LRU(self.capacity, self.trace), LFU(self.capacity, self.trace)]
        self.period = max(self.capacity, 100)
        self.hits, self.follow, self.switches = [0, 0], 0, 0
        self.order, self.count, self.reached = OrderedDict(), {}, {}

    def observe(self, page):
        for i, ghost in enumerate(self.ghosts):
            self.hits[i] += ghost.access(page)
        if (self.now + 1) % self.period == 0:
            other = 1 - self.follow
            if self.hits[other] > 1.02 * self.hits[self.follow]:
                self.follow, self.switches = other, self.switches + 1
            self.hits = [0, 0]

    def hit(self, page):
        self.order.move_to_end(page)
        self.count[page] += 1
        self.reached[page] = self.now
        self.observe(page)

    def enter(self, page):
        self.order[page] = None
        self.count[page], self.reached[page] = 1, self.now
        self.observe(page)

    def leave(self):
        if self.follow == 0:
            victim = next(iter(self.order))
        else:
            victim = min(self.cached, key=lambda page: (self.count[page], self.reached[page]))
        del self.order[victim], self.count[victim], self.reached[victim]
        return victim


TWINS = {
    "adaptive": Adaptive,
    "belady": Belady,
    "fifo": FIFO,
    "lfu": LFU,
    "lru": LRU,
    "random": Random,
    "s3-fifo": S3FIFO,
    "sieve": Sieve,
    "w-tinylfu": WTinyLFU,
    "w-tinylfu-80-20": WTinyLFU8020,
}
