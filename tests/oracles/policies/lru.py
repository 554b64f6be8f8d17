"""LRU and FIFO as an ordered dict."""

from __future__ import annotations

from collections import OrderedDict

from .twin import Twin


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
