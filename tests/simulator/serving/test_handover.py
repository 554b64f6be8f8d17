"""Replicas that only prefill, and others that only decode: when tokens come, what moves, and who holds memory."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings

import kvreplay as kv
from kvreplay.simulator.serving.cost import attended
from kvreplay.simulator.serving.engine import run
from tests.simulator.serving.test_replica import COST, PAGE, server_of, trace_of, traffic

PAGE_BYTES = PAGE * COST.model.kv_bytes_per_token
EACH, LATENCY = PAGE_BYTES / (0.87 * 50e9), 5e-5  # seconds a page, and more for all, over an H100's adapter


def split(pages=40, prefill_replicas=1, replicas=2, **changes):
    return dataclasses.replace(server_of(pages, 4, 64, replicas=replicas), prefill_replicas=prefill_replicas, **changes)


def test_by_hand():
    """The first token from the one, then five pages over the link, then two steps of the other."""
    found = run(trace_of([0], [18], [3]), split())
    first = COST.step(18, attended(0, 18), 0, 0)
    assert found.first[0] == pytest.approx(first)
    there = first + LATENCY + 5 * EACH
    assert found.handover[0] == pytest.approx(there)
    assert found.end[0] == pytest.approx(there + COST.step(0, 0, 1, 19) + COST.step(0, 0, 1, 20))
    assert (found.replica[0], found.decoder[0]) == (0, 1)
    steps = found.steps()
    assert steps["prefill_tokens"].to_list() == [18, 0]
    assert steps["replica"].to_list() == [0, 1]


def test_what_the_other_has_already_is_not_moved_again():
    found = run(trace_of([0, 9], [18, 18], [3, 3]), split())
    assert found.moved["interconnect_out"] == (5 + 1) * PAGE_BYTES  # four full pages are hit
    assert found.hit_tokens.tolist() == [0, 16]


def test_handovers_queue_on_the_links():
    """Two prompts that end in one step leave one after the other."""
    found = run(trace_of([0, 0], [16, 16], [2, 2], [0, 1]), split())
    step = COST.step(32, 2 * attended(0, 16), 0, 0)
    assert found.handover.tolist() == pytest.approx([step + LATENCY + 4 * EACH, step + LATENCY + 8 * EACH])


def test_pages_are_held_until_they_are_there():
    """Ten pages: the second prompt needs all of them, and waits until the first one's five have left."""
    slow = dataclasses.replace(COST, device=dataclasses.replace(COST.device, network=PAGE_BYTES / 0.87))
    trace = trace_of([0, 0.5], [20, 40], [2, 1], [0, 1])
    found = run(trace, split(pages=10, cost=slow))
    assert found.handover[0] == pytest.approx(found.first[0] + LATENCY + 5)  # a second a page
    assert found.admission[1] == pytest.approx(found.handover[0])


def test_a_request_of_one_token_or_none_is_not_handed_over():
    found = run(trace_of([0, 1], [8, 8], [1, 0], [0, 1]), split())
    assert np.isnan(found.handover).all()
    assert np.isfinite(found.end).all()
    assert found.moved["interconnect_out"] == 0


@settings(max_examples=60, deadline=None)
@given(traffic())
def test_each_side_does_its_part_and_nothing_is_lost(case):
    trace, server = case
    found = run(trace, dataclasses.replace(server, replicas=3, prefill_replicas=1))
    assert np.isfinite(found.end).all()
    steps = found.steps()
    assert steps.filter(pl.col("replica") == 0)["sequences"].sum() == 0
    handed = trace.output_tokens > 1
    assert (found.decoder[handed] > 0).all()
    assert (found.decoder[~handed] == -1).all()
    assert (found.handover[handed] > found.first[handed]).all()
    if not found.preemptions.any():
        assert steps.filter(pl.col("replica") > 0)["prefill_tokens"].sum() == 0
        # Every token but the first of each request takes a step of the replicas that decode.
        assert (steps["steps"] * steps["sequences"]).sum() == (trace.output_tokens - 1).sum()
    # What is moved: all pages of each prompt, but those that were there.
    pages = -(-trace.prompt_tokens[handed] // PAGE)
    assert found.moved["interconnect_in"] == found.moved["interconnect_out"] <= PAGE_BYTES * pages.sum()
    if server.policy is None:
        assert found.moved["interconnect_out"] == PAGE_BYTES * pages.sum()


def test_rows_tell_both_sides():
    chats = kv.generate("conversation", sessions=30, seed=5)
    row = kv.simulate(chats, replicas=3, prefill_replicas=2, capacity="30000tokens", interconnect="peer").row
    assert row["handover_mean"] > 0
    busy = 2 * row["prefill_utilisation"] + row["decode_utilisation"]
    assert busy == pytest.approx(3 * row["utilisation"])
    assert kv.simulate(chats, capacity="30000tokens").row["decode_utilisation"] is None
    with pytest.raises(ValueError, match="prefill_replicas 2: leaves none of 2 to decode"):
        kv.simulate(chats, replicas=2, prefill_replicas=2)
