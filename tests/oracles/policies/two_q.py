"""2Q as three lists."""

from __future__ import annotations

from .twin import Twin


class TwoQ(Twin):
    """Lists with their oldest page first."""

    share_in, share_out = 0.25, 0.5

    def start(self):
        self.k_in, self.k_out = int(self.capacity * self.share_in), int(self.capacity * self.share_out)
        self.a1in, self.a1out, self.am = [], [], []
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
