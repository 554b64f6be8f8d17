"""Speculative decoding against the formulas of its paper, and what it does to a simulation."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvreplay as kv
from kvreplay.simulator.serving.cost import step_cost
from kvreplay.simulator.serving.model import get_model
from kvreplay.simulator.serving.speculation import Speculation, tokens_per_step
from kvreplay.traces.errors import TraceError

TARGET = step_cost("llama-3.1-70b", "h100", 4, "roofline")
DRAFT = step_cost("llama-3.1-8b", "h100", 4, "roofline")
DRAFTED = {"model": "llama-3.1-70b", "tensor_parallel": 4, "draft_model": "llama-3.1-8b", "draft_length": 3}


@given(st.integers(1, 12), st.floats(0, 1))
def test_tokens_per_step_are_those_of_drafts_accepted_one_by_one(length, acceptance):
    # k tokens are accepted and the next is not, or all are; the large model adds one.
    rejected = sum(acceptance**k * (1 - acceptance) * (k + 1) for k in range(length))
    assert tokens_per_step(length, acceptance) == pytest.approx(rejected + acceptance**length * (length + 1))


@pytest.mark.parametrize(("length", "acceptance", "share"), [(3, 0.6, 0.05), (7, 0.8, 0.02), (5, 0.9, 0.1)])
def test_one_sequence_is_as_much_faster_as_theorem_3_8_says(length, acceptance, share):
    """Where verifying takes as long as a step: the roofline at one sequence and little context is bound by weights."""
    draft = dataclasses.replace(
        TARGET, step_constant=share * TARGET.step_constant, bandwidth=math.inf, linear_rate=math.inf
    )
    target = dataclasses.replace(TARGET, bandwidth=math.inf)
    speculation = Speculation(target, draft, length, np.array([acceptance]))
    expected = (1 - acceptance ** (length + 1)) / ((1 - acceptance) * (length * share + 1))
    faster = speculation.gain(0) * target.step(0, 0, 1, 100) / speculation.step(0, 0, 1, 100)
    assert faster == pytest.approx(expected)


def test_a_large_batch_loses_by_it():
    speculation = Speculation(TARGET, DRAFT, 5, np.array([0.6]))
    for sequences, gains in ((1, True), (512, False)):
        step = (0, 0, sequences, sequences * 500)
        assert (speculation.gain(0) * TARGET.step(*step) > speculation.step(*step)) == gains


@given(st.integers(1, 100), st.integers(1, 10**5), st.integers(1, 1000))
def test_a_step_takes_longer_by_what_more_context_takes_to_read(sequences, context, more):
    speculation = Speculation(TARGET, DRAFT, 4, np.array([0.7]))
    step, longer = (speculation.step(0, 0, sequences, tokens) for tokens in (context, context + more))
    assert longer - step == pytest.approx(more * speculation.token_read, rel=1e-6)


@pytest.fixture(scope="module")
def chats():
    trace = kv.generate("conversation", sessions=30, seed=1)
    return dataclasses.replace(trace, intent=(np.arange(trace.n_requests) % 3).astype(np.int32))


def test_in_a_simulation(chats):
    settings = DRAFTED | {"rate": 0.1}
    plain = kv.simulate(chats, **settings | {"draft_model": None})
    drafted = kv.simulate(chats, **settings, acceptance=0.8)
    never = kv.simulate(chats, **settings, acceptance=0)
    assert never.row["tpot_p50"] > plain.row["tpot_p50"] > drafted.row["tpot_p50"]
    assert drafted.row["output_tokens"] == plain.row["output_tokens"]
    assert drafted.row["capacity"] < plain.row["capacity"]  # the draft takes memory
    assert drafted.steps["output_tokens"].sum() == np.sum(chats.output_tokens)
    assert drafted.seconds["output_tokens"].sum() == pytest.approx(np.sum(chats.output_tokens))


def test_alone_a_request_takes_as_many_steps_as_its_acceptance_says(chats):
    """Of one request at a time, so long that a part of a token does not count."""
    long = dataclasses.replace(chats, output_tokens=np.full(chats.n_requests, 4001, np.int32))
    by_intent = {0: 0.9, 2: 0.2}
    found = kv.simulate(long, **DRAFTED, concurrency=1, acceptance=0.5, acceptance_by_intent=by_intent)
    steps = found.steps.filter(found.steps["sequences"] > 0)["steps"].to_numpy()
    for intent, acceptance in (by_intent | {1: 0.5}).items():
        expected = 4000 * (1 - acceptance) / (1 - acceptance**4)
        assert steps[long.intent == intent] == pytest.approx(expected, abs=1)


def test_what_is_drafted_better_ends_sooner_and_nothing_is_lost(chats):
    found = kv.simulate(chats, **DRAFTED, acceptance=0.5, acceptance_by_intent={0: 0.9, 2: 0.1})
    tpot = dict(found.requests.group_by("intent").agg(pl.mean("tpot")).iter_rows())
    assert tpot[0] < tpot[1] < tpot[2]
    assert found.steps["output_tokens"].sum() == np.sum(chats.output_tokens)


def test_acceptance_that_no_intent_changes_is_the_constant_one(chats):
    by_intent = kv.simulate(chats, **DRAFTED, acceptance=0.1, acceptance_by_intent=dict.fromkeys(range(3), 0.6))
    assert by_intent.recorder.digest() == kv.simulate(chats, **DRAFTED, acceptance=0.6).recorder.digest()
    assert by_intent.row["acceptance_by_intent"] == "{0: 0.6, 1: 0.6, 2: 0.6}"


def test_a_trace_without_intents_has_no_acceptance_by_intent(chats):
    with pytest.raises(TraceError, match="has no intents; leave acceptance_by_intent out"):
        kv.simulate(dataclasses.replace(chats, intent=None), **DRAFTED, acceptance_by_intent={0: 0.9})


def test_the_keys_and_values_of_the_draft_take_memory_and_move_with_the_others(chats):
    target, draft = (get_model(DRAFTED[name]).kv_bytes_per_token for name in ("model", "draft_model"))
    more = (target + draft) / target
    settings = DRAFTED | {"replicas": 2, "prefill_replicas": 1, "tiers": [{"host": {"gib": 1000}}]}
    plain, drafted = (
        kv.simulate(chats, capacity="20000tokens", **settings | {"draft_model": name}).row
        for name in (None, settings["draft_model"])
    )
    assert drafted["peak_bytes"] / drafted["peak_pages"] == more * plain["peak_bytes"] / plain["peak_pages"]
    moved = [json.loads(row["moved"]) for row in (plain, drafted)]
    for link in ("interconnect_out", "host_write"):
        assert moved[1][link] == more * moved[0][link] > 0
    pages = 40 * 2**30 // (16 * (target + draft))
    assert kv.simulate(chats, capacity="40GiB", **DRAFTED).row["capacity"] == pages


def test_no_step_has_more_tokens_than_it_may(chats):
    sizes = {"max_num_seqs": 12, "max_num_batched_tokens": 48}
    steps = kv.simulate(chats, **DRAFTED, rate=100, **sizes).steps.filter(pl.col("steps") == 1)
    assert (steps["prefill_tokens"] + 4 * steps["sequences"]).max() == 48
    with pytest.raises(ValueError, match="max_num_batched_tokens 47 is below the 48 of a step in which"):
        kv.simulate(chats, **DRAFTED, **sizes | {"max_num_batched_tokens": 47})


def test_what_the_last_step_gains_too_much_has_room(chats):
    """A prompt of a page fits into one; but not if it decodes, and the drafts of its last step need another."""
    short = dataclasses.replace(chats, prompt_tokens=np.full(chats.n_requests, 15, np.int32))
    for output, refused in ((1, 0), (2, chats.n_requests)):
        asked = dataclasses.replace(short, output_tokens=np.full(chats.n_requests, output, np.int32))
        assert kv.simulate(asked, capacity=1, **DRAFTED).row["refused"] == refused
