"""CLOCK as a face with a hand."""

from __future__ import annotations

from .twin import Twin


class Clock(Twin):
    """Pages stand on a face of `capacity` places; the new page takes the place that the hand has just passed."""

    bits = 1

    def start(self):
        self.face, self.hand, self.counter = [], 0, {}

    def hit(self, page):
        self.counter[page] = min(self.counter[page] + 1, 2**self.bits - 1)

    def enter(self, page):
        self.counter[page] = 0
        if len(self.face) < self.capacity:
            self.face.append(page)
        else:
            self.face[self.free] = page

    def leave(self):
        while self.counter[self.face[self.hand]] > 0:
            self.counter[self.face[self.hand]] -= 1
            self.hand = (self.hand + 1) % self.capacity
        self.free = self.hand
        self.hand = (self.hand + 1) % self.capacity
        return self.face[self.free]
