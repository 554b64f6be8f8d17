"""LIRS as two lists and a set."""

from __future__ import annotations

from .twin import Twin


class LIRS(Twin):
    """Stack and queue as lists, coldest first; the bottom of the stack is LIR."""

    def start(self):
        self.room = max(self.capacity - max(int(self.capacity * 0.01), 1), 1)
        self.stack, self.queue, self.lir = [], [], set()

    def hit(self, page):
        if page in self.lir:
            self.on_top(page)
            self.prune()
            return
        self.queue.remove(page)
        if page in self.stack:
            self.on_top(page)
            self.promote(page)
        else:
            self.on_top(page)
            self.queue.append(page)

    def enter(self, page):
        remembered = page in self.stack
        self.on_top(page)
        if remembered or len(self.lir) < self.room:
            self.promote(page)
        else:
            self.queue.append(page)

    def leave(self):
        if self.queue:
            return self.queue.pop(0)
        page = self.stack.pop(0)
        self.lir.remove(page)
        self.prune()
        return page

    def on_top(self, page):
        if page in self.stack:
            self.stack.remove(page)
        self.stack.append(page)

    def promote(self, page):
        self.lir.add(page)
        if len(self.lir) > self.room:
            coldest = self.stack.pop(0)
            self.lir.remove(coldest)
            self.queue.append(coldest)
        self.prune()

    def prune(self):
        while self.stack and self.stack[0] not in self.lir:
            self.stack.pop(0)
