"""The exact cache: verified hits, tenants, age, and what the trace thinks of its answers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.simulator.caches.errors import CacheError
from kvreplay.simulator.caches.exact import ExactCache
from kvreplay.simulator.caches.request import Request, requests
from kvreplay.traces import TraceError, generate
from kvreplay.traces.trace import Trace
from tests.oracles.answer_cache import ExactLRU

from .fakes import request

ASKED = st.lists(
    st.tuples(st.integers(0, 7), st.integers(-1, 2), st.sampled_from(["", "a"]), st.sampled_from([0, 1, 3])),
    max_size=60,
)


def ask(cache, asked: Request, answer=None):
    found = cache.lookup(asked)
    if not found.hit:
        cache.insert(asked, answer)
    return found


@settings(deadline=None)
@given(asked=ASKED, capacity=st.integers(1, 5), ttl=st.sampled_from([None, 4.0]))
def test_hits_and_verdicts_are_those_of_a_list(asked, capacity, ttl):
    cache = ExactCache(capacity, ttl=ttl, compiled=False)
    slow = ExactLRU(capacity, np.inf if ttl is None else ttl)
    time = 0.0
    for key, intent, tenant, wait in asked:
        time += wait
        hit = ask(cache, request(f"prompt {key}", intent, now=time, tenant=tenant)).hit
        assert hit == slow.ask(key, intent, tenant, time)
    stats = cache.stats()
    assert {name: stats[name] for name in set(slow.verdicts)} == {v: slow.verdicts.count(v) for v in slow.verdicts}


def test_a_hit_gives_the_answer_to_that_prompt():
    cache = ExactCache(2)
    assert not ask(cache, request("What is a KV cache?"), "keys and values").hit
    assert ask(cache, request("What is a KV cache?")).answer == "keys and values"
    assert not cache.lookup(request("what is a KV cache?")).hit


def test_a_hash_is_no_proof(monkeypatch):
    monkeypatch.setattr(Request, "key", property(lambda self: b"the same for all"))
    cache = ExactCache(2, compiled=False)
    cache.insert(request("a", 0), "answer to a")
    assert not cache.lookup(request("b", 1)).hit
    cache.insert(request("b", 1), "answer to b")
    assert cache.lookup(request("b", 1)).answer == "answer to b"
    assert not cache.lookup(request("a", 0)).hit
    assert cache.stats()["false_hits"] == 0


def test_tenants_do_not_see_each_others_entries():
    cache = ExactCache(4, compiled=False)
    cache.insert(request("secret", tenant="a"), "of a")
    assert not cache.lookup(request("secret", tenant="b")).hit
    assert cache.lookup(request("secret", tenant="a")).answer == "of a"
    # No tenant can write itself into another's place: where a name ends is part of the hash.
    assert request("bc", tenant="a").key != request("c", tenant="ab").key


@pytest.mark.parametrize("blank", ["", "  \n"])
def test_a_blank_prompt_is_refused_and_changes_nothing(blank):
    cache = ExactCache(1, compiled=False)
    cache.insert(request("a"), 1)
    before = cache.stats()
    for call in (cache.lookup, cache.insert):
        with pytest.raises(CacheError, match="request 7: its prompt is blank"):
            call(request(blank, number=7)._replace(content=b""))
    assert cache.stats() == before


def test_capacity_follows_while_it_runs():
    cache = ExactCache(3, compiled=False)
    for text in "abc":
        cache.insert(request(text))
    cache.resize(1)
    assert [cache.lookup(request(text)).hit for text in "abc"] == [False, False, True]
    cache.resize(2)
    cache.insert(request("d"))
    assert [cache.lookup(request(text)).hit for text in "cd"] == [True, True]


def test_a_trace_with_texts_is_known_by_them():
    trace = generate("paraphrased", requests=40, intents=5)
    found = list(requests(trace))
    assert [r.text for r in found] == list(trace.texts())
    assert [r.content.decode() for r in found] == list(trace.texts())
    assert [r.intent for r in found] == trace.intent.tolist()
    assert [r.now for r in found] == trace.arrival.tolist()
    assert {r.tenant for r in found} == {""}
    tenants = dataclasses.replace(trace, tenant=np.arange(40, dtype=np.int32) % 2)
    assert [r.tenant for r in requests(tenants)] == ["0", "1"] * 20


def test_a_trace_without_texts_is_known_by_its_last_page_and_length():
    columns = {
        "page_offsets": np.array([0, 2, 4, 6, 8, 8]),
        "parent": np.array([-1, 0, 0], np.int32),
        "prompt_tokens": np.array([8, 8, 7, 8, 3], np.int32),
        "page_tokens": 4,
    }
    trace = Trace("pages", np.array([0, 1, 0, 1, 0, 1, 0, 2], np.uint32), 3, **columns)
    first, same, shorter, other, unknown = (r.content for r in requests(trace))
    assert first == same
    assert len({first, shorter, other}) == 3
    assert unknown == b""


def test_a_trace_of_plain_objects_holds_no_prompts():
    with pytest.raises(TraceError, match="neither texts nor pages that form prefixes"):
        next(requests(Trace("keys", np.zeros(2, np.uint32), 1)))


def test_nothing_is_left_of_tenants_whose_entries_have_left():
    cache = ExactCache(2, compiled=False)
    for number in range(20):
        ask(cache, request("?", tenant=f"{number}"))
    assert len(cache.judge._held) == 2
