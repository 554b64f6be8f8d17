"""The KV memory of one replica in pages: those that requests hold, and those kept for later requests to hit."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np


class PagedMemory:
    """`capacity` pages: each free, taken by one request, or cached: known by its id, and pinned while requests use it.

    Cached pages that none uses are idle: they count as available, and leave in LRU order when others need room. A
    request's pages are released from the last to the first, so a page leaves before those that it depends on.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.free = capacity
        self.shared = 0  # pages that several requests use
        self._pins: dict[int, int] = {}  # of cached pages in use
        self._idle: OrderedDict[int, None] = OrderedDict()  # the first leaves next

    @property
    def available(self) -> int:
        """Pages that `take` can have."""
        return self.free + len(self._idle)

    @property
    def held(self) -> int:
        """Pages that requests use, each once."""
        return self.capacity - self.available

    @property
    def pinned(self) -> int:
        """Cached pages in use."""
        return len(self._pins)

    @property
    def idle(self) -> int:
        """Cached pages that no request uses."""
        return len(self._idle)

    def lookup(self, pages: np.ndarray) -> tuple[int, int]:
        """How many of `pages` are cached, from the start, and how many of those are idle."""
        hits = idle = 0
        for page in pages.tolist():
            if page in self._idle:
                idle += 1
            elif page not in self._pins:
                break
            hits += 1
        return hits, idle

    def pin(self, pages: np.ndarray) -> None:
        """Use cached pages: none of them leaves before `release`."""
        for page in pages.tolist():
            self._idle.pop(page, None)
            pins = self._pins[page] = self._pins.get(page, 0) + 1
            self.shared += pins == 2

    def take(self, count: int) -> None:
        """Hold `count` pages more, of those available; idle ones leave if need be."""
        while self.free < count:
            self._idle.popitem(last=False)
            self.free += 1
        self.free -= count

    def keep(self, pages: np.ndarray) -> None:
        """Let pages that were taken be cached, and pin them. Of those cached already the taken copy becomes free."""
        for page in pages.tolist():
            if page in self._idle or page in self._pins:
                self.free += 1
        self.pin(pages)

    def release(self, pages: np.ndarray, taken: int) -> None:
        """Give back `taken` pages, and stop using cached ones: those that nobody uses become idle, the last first."""
        self.free += taken
        for page in pages[::-1].tolist():
            pins = self._pins[page] - 1
            self.shared -= pins == 1
            if pins:
                self._pins[page] = pins
            else:
                del self._pins[page]
                self._idle[page] = None
