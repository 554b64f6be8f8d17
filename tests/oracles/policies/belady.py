"""Belady's MIN by looking ahead."""

from __future__ import annotations

from .twin import Twin


class Belady(Twin):
    """Farthest next use, found by looking ahead. Which of several dead pages leaves does not change the hits."""

    def leave(self):
        def next_use(page):
            ahead = self.trace[self.now :]
            return ahead.index(page) if page in ahead else len(self.trace)

        return max(self.cached, key=next_use)


class BeladyBypass(Belady):
    """A page that comes later than every cached one, or never, stays out."""

    def admits(self, page):
        ahead = self.trace[self.now + 1 :]
        if page not in ahead:
            return False
        before = ahead[: ahead.index(page)]
        return not all(other in before for other in self.cached)
