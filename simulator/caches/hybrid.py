"""Caches in a row: the first that knows an answer gives it, and what was generated goes into all of them."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from .errors import CacheError
from .judge import Verdict
from .request import Request
from .tier import Found, Tier


class Reply(NamedTuple):
    """Who answered, and with what."""

    tier: str
    found: Found


class HybridCache:
    """`tiers` in the order in which they are asked: as a rule exact, then semantic.

    Blank prompts pass all of them by. Raises CacheError where two tiers have one name.
    """

    def __init__(self, *tiers: Tier) -> None:
        names = [tier.name for tier in tiers]
        if len(set(names)) < len(names):
            raise CacheError(f"tiers {', '.join(names)}: one is there twice; name each once")
        self.tiers = tiers
        self.reset_counters()

    def lookup(self, request: Request) -> Reply | None:
        """The answer of the first tier that has one; None: generate it, then `insert`."""
        self._asked += 1
        if request.content:
            for tier in self.tiers:
                start = time.perf_counter()
                found = tier.lookup(request)
                self._seconds[tier.name] += time.perf_counter() - start
                self._lookups[tier.name] += 1
                if found.hit:
                    self._hits[tier.name] += 1
                    return Reply(tier.name, found)
        return None

    def insert(self, request: Request, answer: Any = None) -> None:
        """Put the answer that was generated into every tier."""
        if request.content:
            for tier in self.tiers:
                tier.insert(request, answer)

    def reset_counters(self) -> None:
        """Count from zero from now on, in every tier too; what is cached stays."""
        self._asked = 0
        self._lookups = {tier.name: 0 for tier in self.tiers}
        self._hits = {tier.name: 0 for tier in self.tiers}
        self._seconds = {tier.name: 0.0 for tier in self.tiers}
        for tier in self.tiers:
            tier.reset_counters()

    def stats(self) -> dict[str, Any]:
        """Requests asked and answered, how many of the answers were right and wrong, and by tier its lookups, hits and
        own `stats`."""
        judged = {tier.name: tier.stats() for tier in self.tiers}
        true, false = (
            sum(stats[verdict.value] for stats in judged.values()) for verdict in (Verdict.TRUE_HIT, Verdict.FALSE_HIT)
        )
        return {
            "asked": self._asked,
            "answered": sum(self._hits.values()),
            "true_hits": true,
            "false_hits": false,
            "precision": true / (true + false) if true + false else None,
            **{
                name: {"lookups": self._lookups[name], "hits": self._hits[name], **stats}
                for name, stats in judged.items()
            },
        }

    def timings(self) -> dict[str, float]:
        """Measured: microseconds of a lookup, by tier that was asked."""
        return {name: 1e6 * self._seconds[name] / calls for name, calls in self._lookups.items() if calls}
