"""Speculative decoding against the formulas of its paper, and what it does to a simulation."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kvreplay as kv
from kvreplay.simulator.serving.cost import step_cost
from kvreplay.simulator.serving.speculation import Speculation

TARGET = step_cost("llama-3.1-70b", "h100", 4, "roofline")


@given(st.integers(1, 12), st.floats(0, 1))
def test_tokens_per_step_are_those_of_drafts_accepted_one_by_one(length, acceptance):
    # k tokens are accepted and the next is not, or all are; the large model adds one.
    rejected = sum(acceptance**k * (1 - acceptance) * (k + 1) for k in range(length))
    expected = rejected + acceptance**length * (length + 1)
    assert Speculation(TARGET, TARGET, length, acceptance).tokens_per_step == pytest.approx(expected)


@pytest.mark.parametrize(("length", "acceptance", "share"), [(3, 0.6, 0.05), (7, 0.8, 0.02), (5, 0.9, 0.1)])
def test_one_sequence_is_as_much_faster_as_theorem_3_8_says(length, acceptance, share):
    """Where verifying takes as long as a step: the roofline at one sequence and little context is bound by weights."""
    draft = dataclasses.replace(
        TARGET, step_constant=share * TARGET.step_constant, bandwidth=math.inf, linear_rate=math.inf
    )
    target = dataclasses.replace(TARGET, bandwidth=math.inf)
    speculation = Speculation(target, draft, length, acceptance)
    expected = (1 - acceptance ** (length + 1)) / ((1 - acceptance) * (length * share + 1))
    assert target.decode(1, 100, 1000) / speculation.decode(1, 100, 1000) == pytest.approx(expected)


def test_a_large_batch_loses_by_it():
    speculation = Speculation(TARGET, step_cost("llama-3.1-8b", "h100", 4, "roofline"), 5, 0.6)
    assert speculation.decode(1, 500, 100) < TARGET.decode(1, 500, 100)
    assert speculation.decode(512, 512 * 500, 100) > TARGET.decode(512, 512 * 500, 100)


@given(st.integers(1, 100), st.integers(1, 10**5), st.floats(1e-3, 50))
def test_its_closed_form_is_the_least_number_that_takes_as_long(sequences, context, seconds):
    speculation = Speculation(TARGET, step_cost("llama-3.1-8b", "h100", 4), 4, 0.7)
    tokens = speculation.decode_steps(sequences, context, seconds)
    assert speculation.decode(sequences, context, tokens) >= seconds
    assert speculation.decode(sequences, context, tokens - 1) < seconds


def test_in_a_simulation():
    trace = kv.generate("conversation", sessions=30, seed=1)
    settings = {"model": "llama-3.1-70b", "tensor_parallel": 4, "rate": 0.1}
    plain = kv.simulate(trace, **settings)
    drafted = kv.simulate(trace, **settings, draft_model="llama-3.1-8b", draft_length=3, acceptance=0.8)
    never = kv.simulate(trace, **settings, draft_model="llama-3.1-8b", draft_length=3, acceptance=0)
    assert never.row["tpot_p50"] > plain.row["tpot_p50"] > drafted.row["tpot_p50"]
    assert drafted.row["output_tokens"] == plain.row["output_tokens"]
    assert drafted.row["capacity"] < plain.row["capacity"]  # the draft takes memory
    steps = drafted.steps
    by_prefill = trace.n_requests + drafted.row["preemptions"]
    assert (steps["steps"] * steps["sequences"]).sum() == int(np.sum(trace.output_tokens)) - by_prefill
