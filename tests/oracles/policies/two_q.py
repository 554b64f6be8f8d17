"""2Q as three lists."""

from __future__ import annotations

from .twin import Twin


class TwoQ(Twin):
    """Lists with their oldest page first."""

    def start(self):
        self.a1in, self.a1out, self.am = [], [], []
        self.k_in, self.k_out = self.capacity // 4, self.capacity // 2
        self.recalled = False

    def hit(self, page):
        if page in self.am:
            self.am.remove(page)
            self.am.append(page)

    def missed_when_full(self, page):
        self.recalled = page in self.a1out
        if self.recalled:
            self.a1out.remove(page)

    def leave(self):
        if self.am and len(self.a1in) <= self.k_in:
            return self.am.pop(0)
        page = self.a1in.pop(0)
        self.a1out.append(page)
        if len(self.a1out) > self.k_out:
            self.a1out.pop(0)
        return page

    def enter(self, page):
        (self.am if self.recalled else self.a1in).append(page)
        self.recalled = False
