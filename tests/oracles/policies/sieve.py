"""SIEVE as a list."""

from __future__ import annotations

from .twin import Twin


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
