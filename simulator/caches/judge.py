"""Whether a cache was right: every lookup classified by what the trace knows of the requests' intents."""

from __future__ import annotations

from collections import Counter
from enum import Enum

from .request import Request


class Verdict(Enum):
    """What became of a lookup, in hindsight."""

    TRUE_HIT = "true_hits"  # the answer given was one to this intent
    FALSE_HIT = "false_hits"  # it was one to another intent
    TRUE_MISS = "true_misses"  # no entry held would have been right
    MISSED_CHANCE = "missed_chances"  # some entry held would have been
    UNJUDGED_HIT = "unjudged_hits"  # the intent of the request, or of the answer given, is unknown
    UNJUDGED_MISS = "unjudged_misses"  # the intent of the request is unknown


def right(request: Request, answered: Request) -> bool | None:
    """Whether the answer to `answered` is one to `request`; None where that is unknown.

    A server finds out when it generates the answer and compares: that may be learned from, before it must not decide.
    """
    return None if min(request.intent, answered.intent) < 0 else request.intent == answered.intent


class Judge:
    """Counts verdicts. It is told what a cache holds, as requests whose answers are cached; no cache asks it."""

    def __init__(self) -> None:
        self.counts: Counter[Verdict] = Counter()
        self._held: Counter[tuple[str, int]] = Counter()  # by tenant and intent

    def entered(self, request: Request) -> None:
        self._held[request.tenant, request.intent] += 1

    def left(self, request: Request) -> None:
        held = (request.tenant, request.intent)
        self._held[held] -= 1
        if not self._held[held]:  # a server sees ever new tenants
            del self._held[held]

    def judge(self, request: Request, answered: Request | None) -> Verdict:
        """Count the lookup of `request`, which got the answer to the request `answered`, or None: it missed."""
        verdict = self._verdict(request, answered)
        self.counts[verdict] += 1
        return verdict

    def _verdict(self, request: Request, answered: Request | None) -> Verdict:
        if answered is not None:
            verdicts = {True: Verdict.TRUE_HIT, False: Verdict.FALSE_HIT, None: Verdict.UNJUDGED_HIT}
            return verdicts[right(request, answered)]
        if request.intent < 0:
            return Verdict.UNJUDGED_MISS
        return Verdict.MISSED_CHANCE if self._held[request.tenant, request.intent] > 0 else Verdict.TRUE_MISS

    def stats(self) -> dict[str, int | float | None]:
        """Counts by verdict, and precision: true hits / judged hits, None where there are none."""
        true, false = self.counts[Verdict.TRUE_HIT], self.counts[Verdict.FALSE_HIT]
        return {
            **{verdict.value: self.counts[verdict] for verdict in Verdict},
            "unjudged": self.counts[Verdict.UNJUDGED_HIT] + self.counts[Verdict.UNJUDGED_MISS],
            "precision": true / (true + false) if true + false else None,
        }
