"""ARC as the four cases of the paper's figure 4, over four lists."""

from __future__ import annotations

from .twin import Twin


class ARC(Twin):
    """Lists with the least recent page first. p is a float: against a fraction it falls short of whole numbers."""

    def start(self):
        self.t1, self.t2, self.b1, self.b2 = [], [], [], []
        self.p = 0.0
        self.case = 4

    def hit(self, page):  # case I
        (self.t1 if page in self.t1 else self.t2).remove(page)
        self.t2.append(page)

    def missed_when_full(self, page):
        if page in self.b1:
            self.case = 2
            self.p = min(self.p + max(1, len(self.b2) / len(self.b1)), self.capacity)
            self.b1.remove(page)
        elif page in self.b2:
            self.case = 3
            self.p = max(self.p - max(1, len(self.b1) / len(self.b2)), 0)
            self.b2.remove(page)
        else:
            self.case = 4

    def leave(self):
        if self.case == 4:
            if len(self.t1) + len(self.b1) == self.capacity:
                if len(self.t1) == self.capacity:
                    return self.t1.pop(0)
                self.b1.pop(0)
            elif len(self.t1) + len(self.t2) + len(self.b1) + len(self.b2) == 2 * self.capacity:
                self.b2.pop(0)
        return self.replace()

    def replace(self):
        from_t1 = self.t1 and (len(self.t1) > self.p or (self.case == 3 and len(self.t1) == self.p))
        top, bottom = (self.t1, self.b1) if from_t1 or not self.t2 else (self.t2, self.b2)
        bottom.append(top.pop(0))
        return bottom[-1]

    def enter(self, page):
        (self.t1 if self.case == 4 else self.t2).append(page)
        self.case = 4
