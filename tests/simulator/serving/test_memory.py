"""KV memory against lists: nothing is lost, counted twice or taken from a request that uses it."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.policies import get
from kvreplay.simulator.serving import engine
from kvreplay.simulator.serving.memory import PolicyMemory, VllmMemory
from tests.simulator.serving.test_replica import PAGE, server_of, trace_of

CAPACITY = 12
PROMPTS = [5 * PAGE, 3 * PAGE, 5 * PAGE, 4 * PAGE]
TRACE = trace_of([0] * 4, PROMPTS, [1] * 4, [0, 0, 1, 2])  # the second prompt is the beginning of the first
PAGES = [TRACE.pages[start:stop] for start, stop in itertools.pairwise(TRACE.offsets)]

requests = st.tuples(st.integers(0, 3), st.integers(0, 2))  # which prompt, and pages that are never cached
actions = st.lists(st.one_of(requests, st.integers(0, 5)), max_size=40)  # a number: that request of those running ends


@pytest.mark.parametrize("policy", ["vllm-lru", "lru", "lfu"])
@settings(max_examples=60, deadline=None)
@given(actions=actions)
def test_pages_are_held_by_those_who_took_them(policy, actions):
    memory = VllmMemory(CAPACITY) if policy == "vllm-lru" else PolicyMemory(TRACE, CAPACITY, get(policy))
    running = []  # lease, its pages, pages taken
    for action in actions:
        if isinstance(action, tuple):
            prompt, more = action
            pages = PAGES[prompt]
            hits, idle = memory.lookup(pages)
            used = {page for _, held, _ in running for page in held}
            assert idle == sum(page not in used for page in pages[:hits].tolist())
            # What others use is found, as far as no page before it is missing.
            assert hits >= next((i for i, page in enumerate(pages.tolist()) if page not in used), len(pages))
            if len(pages) - hits + idle + more > memory.available:
                continue
            lease = memory.lease(pages[:hits])
            memory.take(len(pages) - hits + more)
            memory.keep(lease, pages[hits:])
            running.append((lease, pages.tolist(), more))
        elif action < len(running):
            lease, _, taken = running.pop(action)
            memory.release(lease, taken)
        used = {page for _, held, _ in running for page in held}
        assert memory.pinned == len(used)
        assert memory.leased == sum(len(held) for _, held, _ in running)
        assert memory.available == CAPACITY - len(used) - sum(taken for _, _, taken in running)
        assert 0 <= memory.idle <= memory.available
        for _, held, _ in running:
            assert memory.lookup(np.array(held, np.uint32)) == (len(held), 0)


def remembered(monkeypatch) -> list[PolicyMemory]:
    """The memories that the engine makes from now on."""
    memories = []

    def make(*arguments):
        memories.append(PolicyMemory(*arguments))
        return memories[-1]

    monkeypatch.setattr(engine, "PolicyMemory", make)
    return memories


@pytest.mark.parametrize(("policy", "hits"), [("lru", PAGE), ("vllm-queue-aware", 2 * PAGE)])
def test_a_policy_may_spare_what_waiting_requests_will_hit(policy, hits, monkeypatch):
    """One at a time: A, B, C, and A again, of two full pages each. C needs one that A or B left, while A waits."""
    memories = remembered(monkeypatch)
    trace = trace_of([0] * 4, [2 * PAGE + 1] * 4, [1] * 4, [0, 1, 2, 0])
    server = dataclasses.replace(server_of(6, 1, 64), policy=get(policy))
    assert engine.run(trace, server).hit_tokens.tolist() == [0, 0, 0, hits]
    (memory,) = memories
    assert memory.queue is None or not memory.queue.any()


def test_the_queue_counts_those_that_were_preempted(monkeypatch):
    """What joins the queue leaves it, whatever happens: at the end nobody waits."""
    memories = remembered(monkeypatch)
    trace = trace_of([0] * 6, [9, 12, 20, 9, 20, 12], [25] * 6, [0, 1, 2, 0, 2, 1])
    found = engine.run(trace, dataclasses.replace(server_of(14, 4, 64), policy=get("vllm-queue-aware")))
    assert found.preemptions.sum() > 0
    assert not memories[0].queue.any()
