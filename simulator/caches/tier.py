"""What every cache of whole answers offers, exact or semantic."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from .entries import Entry
from .request import Request


class Stored(NamedTuple):
    """What an entry holds."""

    request: Request  # the one that was answered
    answer: Any


class Found(NamedTuple):
    """What a lookup came to."""

    entry: Entry | None  # whose answer is given; None: a miss
    nearest: Entry | None  # the most similar one, also where it is not similar enough
    score: float | None  # its similarity; None where nothing is held

    @property
    def hit(self) -> bool:
        return self.entry is not None

    @property
    def answer(self) -> Any:
        """The answer given. Read it before the cache is used again."""
        return None if self.entry is None else self.entry.value.answer


class Tier(Protocol):
    """A cache in front of generation. Its state is as before where a call raises CacheError."""

    name: str

    def lookup(self, request: Request) -> Found:
        """Whether an entry answers `request`, which counts as a use of it."""
        ...

    def insert(self, request: Request, answer: Any = None) -> None:
        """Hold the answer that was generated for `request`, which was just looked up and missed."""
        ...

    def resize(self, capacity: int) -> None:
        """Hold at most `capacity` entries from now on; those beyond it leave."""
        ...

    def reset_counters(self) -> None:
        """Count from zero from now on; what is cached stays."""
        ...

    def stats(self) -> dict[str, Any]:
        """Settings and counters, the same on every machine; among them those of a `Judge`."""
        ...
