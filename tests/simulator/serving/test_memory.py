"""KV memory against lists: nothing is lost, counted twice or taken from a request that uses it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.policies import get
from kvreplay.simulator.serving.memory import PolicyMemory, VllmMemory
from tests.simulator.serving.test_replica import PAGE, trace_of

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
