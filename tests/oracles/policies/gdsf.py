"""GDSF by searching for the least; all pages of one size."""

from __future__ import annotations

from .twin import Twin


class GDSF(Twin):
    def start(self):
        self.age, self.uses, self.key = 0, {}, {}

    def hit(self, page):
        self.used(page, self.uses[page] + 1)

    def enter(self, page):
        self.used(page, 1)

    def used(self, page, uses):
        self.uses[page] = uses
        self.key[page] = self.age + uses, self.now

    def leave(self):
        victim = min(self.cached, key=self.key.__getitem__)
        self.age, _ = self.key[victim]
        return victim
