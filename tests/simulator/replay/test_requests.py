"""What policies are told of the requests and of the pages' parents."""

from __future__ import annotations

import numpy as np
import pytest

import kvreplay
from kvreplay.policies import PolicyError, get
from kvreplay.simulator.replay import replay
from kvreplay.simulator.replay.requests import requests_of
from kvreplay.traces.trace import Trace

KEYS = Trace("keys", np.array([0, 1, 0, 2], np.uint32), 3)

# Evicts the page of the longest prefix.
DEEPEST = """
from typing import NamedTuple
import numpy as np

READING = "prefix"

class State(NamedTuple):
    depth: np.ndarray
    cached: np.ndarray
    offsets: np.ndarray

def init(capacity, n_pages, parent, requests):
    depth = np.zeros(n_pages, np.int64)
    for page in range(n_pages):
        depth[page] = depth[parent[page]] + 1 if parent[page] >= 0 else 1
    return State(depth, np.zeros(n_pages, np.uint8), requests.offsets)

def on_hit(state, page, now):
    pass

def on_insert(state, page, now):
    state.cached[page] = now < state.offsets[-1]

def evict(state, now):
    page = 0
    for other in range(len(state.depth)):
        if state.cached[other] and (not state.cached[page] or state.depth[other] >= state.depth[page]):
            page = other
    state.cached[page] = 0
    return page
"""


def test_the_category_of_a_request_is_its_turn():
    def told(**columns):
        return requests_of(Trace("turns", np.zeros(15, np.uint32), 1, **columns))

    session = np.array([3, 5, 3, -1, 3, 5, -1, *[3] * 8], np.int32)
    assert told(session=session).category.tolist() == [0, 0, 1, -1, 2, 1, -1, 3, 4, 5, 6, 7, 8, 9, 9]
    assert told().category.tolist() == [-1] * 15


def test_what_a_trace_does_not_know_has_a_stand_in():
    told = requests_of(KEYS)
    assert told.offsets.tolist() == [0, 1, 2, 3, 4]
    assert told.arrival.tolist() == [0, 1, 2, 3]
    assert told.prompt_tokens.tolist() == [0] * 4
    assert told.page_tokens == 0
    assert not any(column.flags.writeable for column in told if isinstance(column, np.ndarray))


def test_columns_are_the_trace_s_own():
    trace = kvreplay.generate("conversation", sessions=20, seed=1)
    told = requests_of(trace)
    assert told.pages is trace.pages
    assert told.offsets is trace.offsets
    assert told.arrival is trace.arrival
    assert told.prompt_tokens is trace.prompt_tokens
    assert told.page_tokens == trace.page_tokens
    assert requests_of(trace) is told


def test_a_policy_for_prefixes_is_refused_elsewhere(tmp_path):
    file = tmp_path / "deepest.py"
    file.write_text(DEEPEST)
    policy = get(str(file))
    assert (policy.hooks.reading, policy.needs) == ("prefix", {"parent", "requests"})
    trace = kvreplay.generate("conversation", sessions=20, seed=1)
    assert replay(trace, policy, "20%", reading="prefix").row["hits"] > 0
    with pytest.raises(PolicyError, match=r"deepest.py works in the prefix reading only; set reading: prefix"):
        replay(trace, policy, "20%")


def test_a_policy_that_needs_parents_is_refused_where_there_are_none(tmp_path):
    file = tmp_path / "deepest.py"
    file.write_text(DEEPEST.replace('READING = "prefix"', ""))
    with pytest.raises(PolicyError, match="needs pages that form prefixes; keys has none"):
        replay(KEYS, str(file), 2)
    file.write_text(DEEPEST.replace('"prefix"', '"sideways"'))
    with pytest.raises(PolicyError, match=r"READING is 'sideways'; write \"prefix\", or leave it out"):
        get(str(file))
