"""Caches in a row."""

from __future__ import annotations

import pytest

from kvreplay.simulator.caches import indexes
from kvreplay.simulator.caches.errors import CacheError
from kvreplay.simulator.caches.exact import ExactCache
from kvreplay.simulator.caches.hybrid import HybridCache
from kvreplay.simulator.caches.semantic import SemanticCache

from .fakes import Angles, request


def tiers(capacity: int = 4):
    semantic = SemanticCache(Angles(), indexes.get("flat", 2, capacity), capacity, threshold=0.9, compiled=False)
    return ExactCache(capacity, compiled=False), semantic


def test_the_first_that_knows_answers_and_what_was_generated_goes_into_all():
    hybrid = HybridCache(*tiers())
    assert hybrid.lookup(request("0 degrees", 0)) is None
    hybrid.insert(request("0 degrees", 0), "an answer")
    assert hybrid.lookup(request("0 degrees", 0)).tier == "exact"
    reply = hybrid.lookup(request("10 degrees", 1))
    assert (reply.tier, reply.found.answer) == ("semantic", "an answer")
    # An answer of the semantic cache was not generated for this prompt: the exact one does not learn it.
    assert hybrid.lookup(request("10 degrees", 1)).tier == "semantic"
    stats = hybrid.stats()
    assert (stats["asked"], stats["answered"]) == (4, 3)
    assert (stats["true_hits"], stats["false_hits"], stats["precision"]) == (1, 2, 1 / 3)
    assert {name: (stats[name]["lookups"], stats[name]["hits"]) for name in ("exact", "semantic")} == {
        "exact": (4, 1),
        "semantic": (3, 2),
    }
    assert set(hybrid.timings()) == {"exact", "semantic"}


def test_the_order_is_free():
    exact, semantic = tiers()
    hybrid = HybridCache(semantic, exact)
    hybrid.insert(request("0 degrees", 0))
    assert hybrid.lookup(request("0 degrees", 0)).tier == "semantic"
    assert hybrid.stats()["exact"]["lookups"] == 0


def test_blank_prompts_pass_by():
    hybrid = HybridCache(*tiers())
    blank = request("")
    hybrid.insert(blank)
    assert hybrid.lookup(blank) is None
    stats = hybrid.stats()
    assert (stats["asked"], stats["answered"], stats["exact"]["lookups"], stats["exact"]["entries"]) == (1, 0, 0, 0)


def test_counting_may_begin_later():
    hybrid = HybridCache(*tiers(capacity=1))
    for text in ("0 degrees", "90 degrees", "90 degrees", "95 degrees"):
        if hybrid.lookup(request(text, 0)) is None:
            hybrid.insert(request(text, 0))
    hybrid.reset_counters()
    stats = hybrid.stats()
    counts = ("lookups", "hits", "true_hits", "false_hits", "missed_chances", "evictions")
    assert all(stats[tier][count] == 0 for tier in ("exact", "semantic") for count in counts)
    assert hybrid.lookup(request("90 degrees", 0)).tier == "exact"  # what is cached stays


def test_one_tier_twice_is_refused():
    exact, _ = tiers()
    with pytest.raises(CacheError, match="exact, exact: one is there twice"):
        HybridCache(exact, exact)
