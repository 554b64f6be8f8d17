"""SLRU as four lists."""

from __future__ import annotations

from .twin import Twin


class SLRU(Twin):
    """Segments from the lowest to the highest, each with its coldest page first."""

    def start(self):
        self.segments = [[], [], [], []]
        quarter = self.capacity // 4
        self.rooms = [self.capacity - 3 * quarter, quarter, quarter, quarter]

    def hit(self, page):
        at = next(i for i, segment in enumerate(self.segments) if page in segment)
        self.segments[at].remove(page)
        at = min(at + 1, 3)
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
