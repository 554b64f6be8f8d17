"""QD-LP-FIFO as three deques."""

from __future__ import annotations

from collections import deque

from .twin import Twin


class QDLPFIFO(Twin):
    """Queues as deques, oldest first."""

    def start(self):
        self.room = max(self.capacity - max(int(self.capacity * 0.1), 1), 1)
        self.probation, self.main, self.ghost = deque(), deque(), deque()
        self.uses, self.recalled = {}, False

    def hit(self, page):
        self.uses[page] = min(self.uses[page] + 1, 3)

    def missed_when_full(self, page):
        self.recalled = page in self.ghost
        if self.recalled:
            self.ghost.remove(page)

    def enter(self, page):
        self.uses[page] = 0
        (self.main if self.recalled else self.probation).append(page)
        self.recalled = False

    def leave(self):
        while self.probation and len(self.main) + self.recalled <= self.room:
            page = self.probation.popleft()
            if self.uses[page] == 0:
                self.ghost.append(page)
                if len(self.ghost) > self.room:
                    self.ghost.popleft()
                return page
            self.uses[page] = 0
            self.main.append(page)
        while self.uses[self.main[0]] > 0:
            self.uses[self.main[0]] -= 1
            self.main.rotate(-1)
        return self.main.popleft()
