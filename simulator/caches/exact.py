"""The exact cache: a prompt that came before, to the byte, gets the answer that it got."""

from __future__ import annotations

from typing import Any

from .entries import Entries, Entry
from .judge import Judge
from .request import Request
from .tier import Found, Stored


class ExactCache:
    """Answers under the hash of tenant and prompt. Both are compared on a hit: a hash is no proof.

    The arguments are those of `Entries`. Raises CacheError for impossible ones.
    """

    name = "exact"

    def __init__(
        self, capacity: int, *, policy: Any = "lru", ttl: float | None = None, seed: int = 0, compiled: bool = True
    ) -> None:
        self.judge = Judge()
        self.entries = Entries(capacity, policy, ttl=ttl, seed=seed, leave=self._leave, compiled=compiled)

    def lookup(self, request: Request) -> Found:
        """The entry of the very same prompt of the same tenant. Raises CacheError for a blank prompt."""
        self.entries.expire(request.now)
        entry = self.entries.get(request.key)
        if entry is not None and not _same(entry.value.request, request):
            entry = None
        if entry is not None:
            self.entries.touch(entry)
        self.judge.judge(request, None if entry is None else entry.value.request)
        return Found(entry, entry, None if entry is None else 1.0)

    def insert(self, request: Request, answer: Any = None) -> None:
        """Hold `answer`. Raises CacheError for a blank prompt."""
        if self.entries.insert(request.key, Stored(request, answer), request.now) is not None:
            self.judge.entered(request)

    def resize(self, capacity: int) -> None:
        """Hold at most `capacity` entries from now on. Raises what `Entries.resize` does."""
        self.entries.resize(capacity)

    def reset_counters(self) -> None:
        self.entries.reset_counters()
        self.judge.counts.clear()

    def stats(self) -> dict[str, Any]:
        return {**self.entries.stats(), **self.judge.stats()}

    def _leave(self, entry: Entry) -> None:
        self.judge.left(entry.value.request)


def _same(a: Request, b: Request) -> bool:
    return a.content == b.content and a.tenant == b.tenant
