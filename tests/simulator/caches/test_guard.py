"""What a reader would not take for the same question, and what the guard costs."""

from __future__ import annotations

import pytest

from kvreplay.simulator.caches import indexes
from kvreplay.simulator.caches.guard import differs
from kvreplay.simulator.caches.semantic import SemanticCache

from .fakes import Angles, request
from .test_exact import ask


@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        ("Wire 100 euros to Anna", "Wire 1,000 euros to Anna", "numbers"),
        ("Give me three ideas", "Give me two ideas", "numbers"),
        ("Is it safe to take it?", "Is it not safe to take it?", "negation"),
        ("Why can I use my card?", "Why can't I use my card?", "negation"),
        ("Why can’t I use my card?", "Why can't I use my card?", None),
        ("How do I lock my card?", "How do I unlock my card?", "negation"),
        ("How do I activate it", "how do I deactivate it", "negation"),
        ("Trains from Rome to Milan", "Trains from Milan to Rome", "order"),
        ("My card was not declined, never", "My card was declined", None),  # two negations cancel
        ("How do I reset my password?", "how do I reset my password", None),
        ("How do I reset my password?", "I forgot my password, what now?", None),
        ("a on b", "a non b", None),  # words that short are no roots
        ("", "", None),
    ],
)
def test_reasons(a, b, reason):
    assert differs(a, b) == differs(b, a) == reason


def test_both_costs_are_counted():
    class Near(Angles):
        def embed(self, texts):
            return super().embed(["1 degree"] * len(texts))

    def stats(**options) -> dict:
        cache = SemanticCache(Near(), indexes.get("flat", 2, 1), 1, compiled=False, **options)
        ask(cache, request("lock my card", 0))
        for text, intent in (("lock this card", 0), ("unlock my card", 1), ("my card lock", 0), ("lock 2 cards", -1)):
            cache.lookup(request(text, intent))
        return cache.stats()

    plain, guarded = stats(), stats(guarded=True)
    assert (plain["true_hits"], plain["false_hits"], plain["unjudged_hits"]) == (2, 1, 1)
    assert (guarded["true_hits"], guarded["false_hits"], guarded["unjudged_hits"]) == (1, 0, 0)
    assert (guarded["guard_lost"], guarded["guard_avoided"]) == (1, 1)
    assert plain["guard_lost"] is None
