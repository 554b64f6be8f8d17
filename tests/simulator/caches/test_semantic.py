"""The semantic cache: hits by cosine, judged by intents."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.simulator.caches import embedders, indexes
from kvreplay.simulator.caches.errors import CacheError
from kvreplay.simulator.caches.semantic import SemanticCache
from tests.oracles.answer_cache import SemanticLRU

from .fakes import Angles, request
from .test_exact import ask


def semantic(capacity: int, threshold=0.9, **options) -> SemanticCache:
    return SemanticCache(
        Angles(), indexes.get("flat", 2, capacity), capacity, threshold=threshold, compiled=False, **options
    )


def of(cache: SemanticCache, *names: str) -> list:
    stats = cache.stats()
    return [stats[name] for name in names]


def test_every_verdict_by_hand():
    cache = semantic(3)
    ask(cache, request("0 degrees", 0))  # nothing is held
    assert of(cache, "true_misses") == [1]
    assert ask(cache, request("10 degrees", 0), None).hit  # cos 10 = .985
    assert of(cache, "true_hits", "precision") == [1, 1.0]
    assert ask(cache, request("20 degrees", 1)).hit  # cos 20 = .940, but another question
    assert of(cache, "true_hits", "false_hits", "precision") == [1, 1, 0.5]
    missed = ask(cache, request("30 degrees", 0))  # cos 30 = .866, although the entry at 0 would have been right
    assert not missed.hit
    assert missed.nearest.value.request.text == "0 degrees"
    assert missed.score == pytest.approx(math.cos(math.radians(30)), abs=1e-6)
    assert of(cache, "missed_chances") == [1]
    ask(cache, request("90 degrees", 2))  # nothing held is of that intent
    assert of(cache, "true_misses") == [2]
    ask(cache, request("91 degrees"))  # of unknown intent, near the entry at 90
    ask(cache, request("180 degrees"))
    assert of(cache, "unjudged_hits", "unjudged_misses") == [1, 1]
    # It was inserted, for the entry at 0 used longest ago; so that what is near it now cannot be judged either.
    assert ask(cache, request("181 degrees", 0)).hit
    assert of(cache, "unjudged_hits", "evictions") == [2, 1]
    assert of(cache, "true_hits", "false_hits", "true_misses", "missed_chances") == [1, 1, 2, 1]


def test_an_evicted_entry_can_no_longer_be_found_nor_missed():
    cache = semantic(1)
    ask(cache, request("0 degrees", 0))
    ask(cache, request("90 degrees", 1))
    assert len(cache.index) == 1
    assert not ask(cache, request("0 degrees", 0)).hit
    assert of(cache, "missed_chances", "true_misses") == [0, 3]


ASKED = st.lists(st.tuples(st.integers(0, 35), st.integers(-1, 3), st.sampled_from([0, 1, 3])), max_size=60)


@settings(deadline=None)
@given(
    asked=ASKED,
    capacity=st.integers(1, 6),
    degrees=st.sampled_from([5, 25, 95]),
    ttl=st.sampled_from([None, 4.0]),
)
def test_hits_and_verdicts_are_those_of_exact_search_in_a_list(asked, capacity, degrees, ttl):
    # Steps of irrational size: no two entries are equally near, and none is right at the threshold.
    threshold = math.cos(math.radians(degrees))
    cache = semantic(capacity, threshold, ttl=ttl)
    slow = SemanticLRU(capacity, threshold, np.inf if ttl is None else ttl)
    time = 0.0
    for step, intent, wait in asked:
        time += wait
        text = f"{step * 10 * math.sqrt(1.03) + step * step * 0.37:.6f} degrees"
        vector = Angles().embed([text])[0]
        hit = ask(cache, request(text, intent, now=time)).hit
        assert hit == slow.ask(text, intent, "", time, vector)
    stats = cache.stats()
    assert {name: stats[name] for name in set(slow.verdicts)} == {v: slow.verdicts.count(v) for v in slow.verdicts}
    assert stats["recall_at_1"] in (None, 1.0)


def test_recall_tells_an_index_that_finds_others():
    class Farthest:
        """Finds what is least similar."""

        def __init__(self):
            self.flat = indexes.get("flat", 2, 4)
            self.name, self.put, self.remove = "farthest", self.flat.put, self.flat.remove
            self.shape = self.flat.shape

        def __len__(self):
            return len(self.flat)

        def search(self, vector, k):
            slots, cosines = self.flat.search(vector, 4)
            return slots[-k:], cosines[-k:]

    cache = SemanticCache(Angles(), Farthest(), 4, threshold=1.0, compiled=False)
    for degrees in range(0, 160, 10):
        ask(cache, request(f"{degrees} degrees"))
    assert of(cache, "recall_at_1") == [0.0]


def test_tenants_do_not_see_each_others_entries_however_near():
    cache = semantic(4)
    for degrees in (0, 1, 2):
        cache.insert(request(f"{degrees} degrees", 0, tenant="a"), "of a")
    cache.insert(request("20 degrees", 0, tenant="b"), "of b")
    found = cache.lookup(request("0 degrees", 0, tenant="b"))
    assert found.answer == "of b"
    assert not cache.lookup(request("0 degrees", 0, tenant="c")).hit
    assert of(cache, "missed_chances", "true_misses") == [0, 1]


def test_capacity_follows_while_it_runs():
    cache = semantic(3)
    for degrees in (0, 60, 120):
        cache.insert(request(f"{degrees} degrees", degrees))
    cache.resize(1)
    assert [cache.lookup(request(f"{degrees} degrees")).hit for degrees in (0, 60, 120)] == [False, False, True]
    cache.resize(2)
    cache.insert(request("0 degrees", 0))
    assert [cache.lookup(request(f"{degrees} degrees")).hit for degrees in (0, 60, 120)] == [True, False, True]


@pytest.mark.parametrize("threshold", [-1.01, 1.01, math.nan])
def test_a_threshold_that_is_no_cosine_is_refused(threshold):
    with pytest.raises(CacheError, match="threshold"):
        semantic(1, threshold)


def test_what_cannot_be_is_refused():
    with pytest.raises(CacheError, match="k 0"):
        semantic(1, k=0)
    used = indexes.get("flat", 2, 3)
    used.put(0, Angles().embed(["0 degrees"])[0])
    for index in (used, indexes.get("flat", 2, 4), indexes.get("hnsw", 3, 3)):  # held, slots, dimensions
        with pytest.raises(CacheError, match=rf"index {index.name}: it holds .+; give an empty one for 3 of 2$"):
            SemanticCache(Angles(), index, 3, compiled=False)


def test_a_prompt_without_a_vector_is_refused_and_changes_nothing():
    class Broken(Angles):
        def embed(self, texts):
            return np.full((1, 2), np.nan, np.float32) if texts[0] == "NaN" else super().embed(texts)

    cache = SemanticCache(Broken(), indexes.get("flat", 2, 1), 1, compiled=False)
    cache.insert(request("0 degrees"))
    before = cache.stats()
    for call in (cache.lookup, cache.insert):
        with pytest.raises(CacheError, match="angles: its vector of request 3 is not of length 1"):
            call(request("NaN", number=3))
    assert cache.stats() == before
    real = SemanticCache(embedders.get("idf-seeded"), indexes.get("flat", 256, 1), 1, compiled=False)
    with pytest.raises(CacheError, match="blank"):
        real.lookup(request(" "))
