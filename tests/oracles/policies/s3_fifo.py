"""S3-FIFO as three deques."""

from __future__ import annotations

from collections import deque

from .twin import Twin


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
