"""Pages that replicas have of each other: what is brought, when it pays, and where it is afterwards."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvreplay as kv
from kvreplay.policies import PolicyError, get
from kvreplay.simulator.serving.cost import attended
from kvreplay.simulator.serving.engine import run
from tests.simulator.serving.test_replica import COST, PAGE, server_of, trace_of, traffic

PAGE_BYTES = PAGE * COST.model.kv_bytes_per_token
EACH, LATENCY = PAGE_BYTES / (0.8 * 450e9), 1e-5  # seconds a page, and more for all, over an H100's NVLink


def shared(on_hit, pages=40, **changes):
    given = {"fetch": "always", "interconnect": "peer", "on_hit": on_hit, **changes}
    return dataclasses.replace(server_of(pages, 4, 64, replicas=2), **given)


@pytest.mark.parametrize("policy", ["vllm-lru", "lru"])
def test_by_hand(policy):
    """One replica computes a prompt; the other brings its four full pages, and computes the last two tokens."""
    found = run(trace_of([0, 1], [18, 18], [1, 1]), shared("replicate", policy=get(policy)))
    assert found.replica.tolist() == [0, 1]
    assert found.loaded_tokens["peer"].tolist() == [0, 16]
    assert found.first[1] - 1 == pytest.approx(LATENCY + 4 * EACH + COST.step(2, attended(16, 2), 0, 0))
    assert found.moved["interconnect_in"] == found.moved["interconnect_out"] == 4 * PAGE_BYTES


@pytest.mark.parametrize(("on_hit", "loaded"), [("replicate", [0, 16, 0]), ("move", [0, 16, 16])])
def test_what_is_moved_is_brought_back(on_hit, loaded):
    """The prompt is asked for at replica 0, at 1, and at 0 again, which has it still, or no more."""
    found = run(trace_of([0, 1, 2], [18] * 3, [1] * 3), shared(on_hit))
    assert found.loaded_tokens["peer"].tolist() == loaded
    assert (found.hit_tokens + found.loaded_tokens["peer"]).tolist() == [0, 16, 16]


def test_what_is_quicker_to_compute_is_computed():
    """The rule, from both sides of where moving a page takes as long as computing it."""
    trace = trace_of([0, 1], [18, 18], [1, 1])
    compute = COST.added(18, attended(0, 18)) - COST.added(2, attended(16, 2))
    for seconds, loaded in ((0.99 * compute, 16), (1.01 * compute, 0)):
        rate = 4 * PAGE_BYTES / (seconds - LATENCY) / 0.8
        cost = dataclasses.replace(COST, device=dataclasses.replace(COST.device, peer=rate))
        found = run(trace, shared("replicate", cost=cost, fetch="cheaper"))
        assert found.loaded_tokens["peer"][1] == loaded


@pytest.mark.parametrize("policy", ["vllm-lru", "lru"])
def test_sync_on_write_copies_to_all(policy):
    """What replica 0 computed is a hit at replica 1, without being asked for."""
    server = shared(None, sync_on_write=True, policy=get(policy))
    found = run(trace_of([0, 1], [18, 18], [1, 1]), server)
    assert found.hit_tokens.tolist() == [0, 16]
    assert found.moved["interconnect_out"] == 4 * PAGE_BYTES  # and nothing for the second: all have its pages
    # Before it is there, it is none.
    early = run(trace_of([0, COST.step(18, attended(0, 18), 0, 0) + EACH], [18, 18], [1, 1]), server)
    assert early.hit_tokens.tolist() == [0, 0]


def test_copies_take_only_what_no_request_uses():
    """Replica 1 decodes in all of its five pages when a copy comes, and goes on as if none came."""
    trace = trace_of([0, 0.001, 9], [16, 17, 18], [1, 4, 1], [0, 1, 0])
    server = dataclasses.replace(shared(None, pages=5, sync_on_write=True), router="least-loaded")
    found, alone = run(trace, server), run(trace, dataclasses.replace(server, sync_on_write=False))
    assert found.moved["interconnect_out"] > 0
    assert found.replica[1] == 1
    assert found.end[1] == alone.end[1]


@settings(max_examples=60, deadline=None)
@given(traffic(), st.sampled_from([None, "replicate", "move"]), st.booleans())
def test_one_replica_has_nobody_to_share_with(case, on_hit, sync_on_write):
    trace, server = case
    alone = dataclasses.replace(server, on_hit=on_hit, sync_on_write=sync_on_write)
    assert run(trace, alone).digest() == run(trace, server).digest()


@settings(max_examples=60, deadline=None)
@given(traffic(), st.sampled_from(["replicate", "move"]))
def test_one_at_a_time_the_cluster_hits_what_one_replica_would(case, on_hit):
    """With room for all. What is moved leaves the pages behind it where they were, without a beginning."""
    trace, server = case
    trace = dataclasses.replace(trace, arrival=1e3 * np.arange(trace.n_requests))
    server = dataclasses.replace(server, pages=10_000)
    cluster = run(trace, dataclasses.replace(server, replicas=3, on_hit=on_hit, fetch="always"))
    alone = run(trace, server).hit_tokens
    found = cluster.hit_tokens + cluster.loaded_tokens["peer"]
    assert (found <= alone).all()
    if on_hit == "replicate":
        assert found.tolist() == alone.tolist()


def test_moving_needs_a_memory_that_can_let_go():
    chats = kv.generate("conversation", sessions=5, seed=5)
    with pytest.raises(PolicyError, match="policy lru: cannot let go of pages that are moved"):
        kv.simulate(chats, replicas=2, sharing="move", policy="lru")
