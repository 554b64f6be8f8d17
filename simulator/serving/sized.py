"""Adaptive sizing in a server: how many pages a replica keeps moves with what its requests hit.

The replica's memory stays as it is, and so does what running requests hold of it. What moves is how many pages are
cached: where there are more, idle ones leave, by the policy. A controller cannot ask for more than the memory.
"""

from __future__ import annotations

import numpy as np

from kvreplay.simulator.caches.sizing import Controller

from .memory import PagedMemory


class SizedMemory:
    """The cached pages of `memory`, at most `limit`, which `controller` moves."""

    def __init__(self, memory: PagedMemory, controller: Controller) -> None:
        self.limit = memory.capacity
        self._memory, self._controller = memory, controller
        self._undecided = 0  # requests since the last decision

    def admitted(self, pages: np.ndarray, hits: int) -> None:
        """A request came, the first `hits` of whose `pages` were cached."""
        if len(pages):
            self._controller.observe(pages, (np.arange(len(pages)) < hits).astype(np.uint8))
        self._undecided += 1

    def ended(self) -> None:
        """A request has given back its pages: idle ones leave, while more are cached than may be."""
        self._memory.trim(self.limit)
        if self._undecided >= self._controller.period:
            self._undecided = 0
            self.limit = min(self._controller.decide(self.limit), self._memory.capacity)
            self._memory.trim(self.limit)
