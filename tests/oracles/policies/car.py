"""CAR as the paper's figure 2, over four lists."""

from __future__ import annotations

from .twin import Twin


class CAR(Twin):
    """Lists with the head, where the hand is, first; in the ghosts that is the least recent page."""

    def start(self):
        self.t1, self.t2, self.b1, self.b2 = [], [], [], []
        self.bit, self.p, self.was_full = {}, 0.0, False

    def hit(self, page):
        self.bit[page] = 1

    def leave(self):
        self.was_full = True
        while True:
            if len(self.t1) >= max(1, self.p):
                page = self.t1.pop(0)
                if self.bit[page] == 0:
                    self.b1.append(page)
                    return page
            else:
                page = self.t2.pop(0)
                if self.bit[page] == 0:
                    self.b2.append(page)
                    return page
            self.bit[page] = 0
            self.t2.append(page)

    def enter(self, page):
        is_ghost = page in self.b1 or page in self.b2
        if self.was_full and not is_ghost:
            if len(self.t1) + len(self.b1) == self.capacity:
                self.b1.pop(0)
            elif len(self.t1) + len(self.t2) + len(self.b1) + len(self.b2) == 2 * self.capacity:
                self.b2.pop(0)
        if not is_ghost:
            self.t1.append(page)
        elif page in self.b1:
            self.p = min(self.p + max(1, len(self.b2) / len(self.b1)), self.capacity)
            self.b1.remove(page)
            self.t2.append(page)
        else:
            self.p = max(self.p - max(1, len(self.b1) / len(self.b2)), 0)
            self.b2.remove(page)
            self.t2.append(page)
        self.bit[page] = 0
