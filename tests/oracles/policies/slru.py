"""SLRU as a list per segment."""

from __future__ import annotations

from .twin import Twin


class SLRU(Twin):
    """Segments from the lowest to the highest, each with its coldest page first."""

    count = 4

    def start(self):
        self.segments = [[] for _ in range(self.count)]
        self.rooms = [self.capacity // self.count] * self.count
        self.rooms[0] += self.capacity % self.count

    def hit(self, page):
        at = next(i for i, segment in enumerate(self.segments) if page in segment)
        self.segments[at].remove(page)
        at = min(at + 1, self.count - 1)
        self.segments[at].append(page)
        while len(self.segments[at]) > self.rooms[at]:
            at -= 1
            self.segments[at].append(self.segments[at + 1].pop(0))

    def enter(self, page):
        for segment, room in zip(self.segments, self.rooms, strict=True):
            if len(segment) < room:
                segment.append(page)
                return
        raise AssertionError("no room")

    def leave(self):
        return next(segment for segment in self.segments if segment).pop(0)
