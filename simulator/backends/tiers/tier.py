"""What a tier is: places for pages, a key for each page, a policy that says which of them leaves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from kvreplay.simulator.caches.entries import Entries, Entry

from .. import codecs
from ..layout import PageLayout

MOST_KEY_BYTES = 32


class TierError(ValueError):
    """A tier cannot be made, or was given a key that is none; nothing changed."""


@dataclass
class TierStats:
    """Counters since the tier was made, in pages where nothing else is said."""

    hits: int = 0
    misses: int = 0
    stored: int = 0
    evicted: int = 0
    failed: int = 0  # not stored, because the codec refused them or writing failed
    damaged: int = 0  # dropped, because what was read was not what had been written
    bytes_written: int = 0  # what the pages are stored in, not the pages
    bytes_read: int = 0


class Tier(ABC):
    """`capacity` pages of `layout`, stored by a codec, under a policy. Keys are 1 to 32 bytes.

    The content of a key never changes: what is there under a key is not written again.
    """

    def __init__(self, name: str, layout: PageLayout, capacity: int, *, policy: Any, codec: str) -> None:
        self.name, self.layout, self.capacity = name, layout, capacity
        self.codec = codecs.get(codec, layout)
        self.stats = TierStats()
        self._places = list(range(capacity - 1, -1, -1))  # free ones
        self._leaving: list[tuple[Any, int]] = []  # keys and places
        # Plain Python: a transfer takes longer than any policy's decision, and starts without compiling.
        self._entries = Entries(capacity, policy, leave=self._leave, compiled=False)

    def __len__(self) -> int:
        """Pages that are there."""
        return self.capacity - len(self._places)

    def __contains__(self, key: bytes) -> bool:
        return self._held(key) is not None

    def get(self, key: bytes, out: Tensor) -> bool:
        """Copy the page under `key` to `out`; False, and `out` undefined, where there is none."""
        entry = self._held(key)
        if entry is not None and not self.read(entry.value, key, out):
            self.stats.damaged += 1
            self._vacate(entry)
            entry = None
        if entry is None:
            self.stats.misses += 1
            return False
        self.stats.hits += 1
        self._entries.touch(entry)
        return True

    def put(self, key: bytes, page: Tensor) -> list[tuple[bytes, Tensor]]:
        """Store `page`; what does not stay here, with its keys: pages that left for it, or itself if it was refused.

        Raises CodecError where the codec cannot store it. A page that cannot be written is not stored: see `stats`.
        """
        entry = self._held(key)
        if entry is not None:
            self._entries.touch(entry)
            return []
        row = self.codec.encode(page[None])[0]
        entry = self._entries.insert(key, None)
        gone = []
        for former, place in self._leaving:
            self._places.append(place)
            left = torch.empty(self.layout.shape, dtype=self.layout.dtype, device=page.device)
            if self.read(place, former, left):
                gone.append((former, left))
            else:
                self.stats.damaged += 1
        self._leaving.clear()
        if entry is None:
            return [*gone, (key, page)]
        entry.value = self._places.pop()
        try:
            self.write(entry.value, key, row)
            self.stats.stored += 1
        except OSError:
            self.stats.failed += 1
            self._vacate(entry)
        return gone

    @abstractmethod
    def write(self, place: int, key: bytes, row: Tensor) -> None:
        """Put an encoded page, (row_bytes,) uint8, into a place. May raise OSError."""

    @abstractmethod
    def read(self, place: int, key: bytes, out: Tensor) -> bool:
        """Decode what is in a place to `out`; False where it is not what was written there under `key`."""

    @abstractmethod
    def close(self) -> None:
        """Give back what the tier holds of the system."""

    def _held(self, key: bytes) -> Entry | None:
        entry = self._entries.get(key)
        return entry if entry is not None and entry.value is not None else None

    def _vacate(self, entry: Entry) -> None:
        """Free the entry's place. It stays with the policy, which need not be able to forget on demand."""
        self._places.append(entry.value)
        entry.value = None

    def _leave(self, entry: Entry) -> None:
        if entry.value is not None:
            self._leaving.append((entry.key, entry.value))
            self.stats.evicted += 1
