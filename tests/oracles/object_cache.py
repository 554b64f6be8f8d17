"""Caches of objects that differ and change in size and grow old, as ordered dicts."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import NamedTuple


class Entry(NamedTuple):
    size: int | None  # None: it grew larger than the cache and is gone; only its place in the order is kept
    written: float  # when it was inserted or renewed


class ObjectLRU:
    """The object used longest ago leaves."""

    def __init__(self, capacity: int, ttl: float = math.inf) -> None:
        self.capacity, self.ttl = capacity, ttl
        self.entries: OrderedDict[int, Entry] = OrderedDict()

    def access(self, key: int, size: int = 1, time: float = 0) -> bool:
        entry = self.entries.get(key)
        if entry is not None:
            self.used(key)
        if entry is not None and entry.size == size and time - entry.written <= self.ttl:
            return True
        if entry is not None or size <= self.capacity:
            self.entries[key] = Entry(size if size <= self.capacity else None, time)
        while sum(entry.size or 0 for entry in self.entries.values()) > self.capacity:
            self.entries.popitem(last=False)
        return False

    def used(self, key: int) -> None:
        self.entries.move_to_end(key)


class ObjectFIFO(ObjectLRU):
    """The object that came first leaves; one that is renewed keeps its place."""

    def used(self, key: int) -> None:
        pass
