"""Caches of whole answers as lists, searched from end to end: the entry used longest ago leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass
class Held:
    key: object
    vector: np.ndarray | None
    intent: int
    tenant: str
    written: float


class ExactLRU:
    """The very same key of the same tenant hits."""

    def __init__(self, capacity: int, ttl: float = math.inf) -> None:
        self.capacity, self.ttl = capacity, ttl
        self.entries: list[Held] = []  # used longest ago first; one too old keeps its place until it is renewed
        self.verdicts: list[str] = []

    def ask(self, key, intent: int, tenant: str = "", time: float = 0, vector: np.ndarray | None = None) -> bool:
        """Look up, and insert what missed; whether it hit."""
        hit = self.lookup(key, intent, tenant, time, vector)
        if not hit:
            self.insert(key, intent, tenant, time, vector)
        return hit

    def lookup(self, key, intent: int, tenant: str = "", time: float = 0, vector: np.ndarray | None = None) -> bool:
        fresh = [e for e in self.entries if time - e.written <= self.ttl and e.tenant == tenant]
        found = self.find(fresh, key, vector)
        self.verdicts.append(_verdict(intent, found, fresh))
        if found is not None:
            self._use(found)
        return found is not None

    def insert(self, key, intent: int, tenant: str = "", time: float = 0, vector: np.ndarray | None = None) -> None:
        known = next((e for e in self.entries if (e.key, e.tenant) == (key, tenant)), None)
        if known is None:
            if len(self.entries) == self.capacity:
                self.entries.pop(0)
            known = Held(key, vector, intent, tenant, time)
            self.entries.append(known)
        known.vector, known.intent, known.written = vector, intent, time
        self._use(known)

    def find(self, fresh: list[Held], key, vector: np.ndarray | None) -> Held | None:
        return next((e for e in fresh if e.key == key), None)

    def _use(self, entry: Held) -> None:
        self.entries = [e for e in self.entries if e is not entry] + [entry]


class SemanticLRU(ExactLRU):
    """The nearest vector hits, where its cosine reaches the threshold."""

    def __init__(self, capacity: int, threshold: float, ttl: float = math.inf) -> None:
        super().__init__(capacity, ttl)
        self.threshold = threshold

    def find(self, fresh: list[Held], key, vector: np.ndarray | None) -> Held | None:
        best = max(fresh, key=lambda e: float(e.vector @ vector), default=None)
        return best if best is not None and float(best.vector @ vector) >= self.threshold else None


def _verdict(intent: int, found: Held | None, fresh: list[Held]) -> str:
    if found is not None:
        if intent < 0 or found.intent < 0:
            return "unjudged_hits"
        return "true_hits" if found.intent == intent else "false_hits"
    if intent < 0:
        return "unjudged_misses"
    return "missed_chances" if any(e.intent == intent for e in fresh) else "true_misses"
