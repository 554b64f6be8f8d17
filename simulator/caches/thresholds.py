"""How similar is similar enough: a threshold on the cosine belongs to one embedder and one kind of traffic."""

from __future__ import annotations

from typing import Protocol

from .entries import Entry
from .errors import CacheError
from .judge import Verdict


class Threshold(Protocol):
    """Whether an entry's answer is given to a prompt so similar to its own."""

    @property
    def value(self) -> float | None:
        """The cosine, where it is one for all."""
        ...

    def accepts(self, entry: Entry, score: float) -> bool: ...

    def learn(self, verdict: Verdict) -> None:
        """Hear what the lookup came to that was asked about last, as if its answer had been checked."""
        ...


class Static:
    """One cosine for all. Raises CacheError outside [-1, 1]."""

    def __init__(self, value: float) -> None:
        if not -1 <= value <= 1:
            raise CacheError(f"threshold {value}: is no cosine; use -1 to 1")
        self.value = float(value)

    def accepts(self, entry: Entry, score: float) -> bool:
        return score >= self.value

    def learn(self, verdict: Verdict) -> None:
        pass
