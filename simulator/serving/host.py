"""A second tier of KV pages in host memory, behind a link over which requests load what the device no longer has.

Pages are copied to it when their prompt is computed, and leave it in LRU order. Copying to it takes the link's other
direction and is not waited for. A request that loads pages holds device memory for them and waits outside the queue,
as with vLLM's KV connectors, while others run; loads take turns on the link.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

# Of the data sheet's rate: 51 of 64 GB/s on an H100's PCIe 5, in pieces of 64 KiB and more (vLLM pull request 42212).
LINK_SHARE = 0.8


class HostMemory:
    """`capacity` pages, each of which takes `page_seconds` to load."""

    def __init__(self, env: simpy.Environment, capacity: int, page_seconds: float) -> None:
        self.capacity = capacity
        self._env, self._page_seconds = env, page_seconds
        self._link = simpy.Resource(env, capacity=1)
        self._pages: OrderedDict[int, None] = OrderedDict()  # the first leaves next

    def hits(self, pages: np.ndarray) -> int:
        """How many of `pages` are here, from the start."""
        numbers = pages.tolist()
        return next((i for i, page in enumerate(numbers) if page not in self._pages), len(numbers))

    def store(self, pages: np.ndarray) -> None:
        """Hold `pages`, of which the last leaves first; others leave for them."""
        for page in pages[::-1].tolist():
            self._pages[page] = None
            self._pages.move_to_end(page)
        while len(self._pages) > self.capacity:
            self._pages.popitem(last=False)

    def load(self, count: int) -> Generator[simpy.Event, Any, None]:
        """Wait for the link, and until it has moved `count` pages."""
        with self._link.request() as turn:
            yield turn
            yield self._env.timeout(count * self._page_seconds)
