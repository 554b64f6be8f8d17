"""Costs of pages: modelled ones against the formula for a whole prompt, and what rows and policies make of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.simulator.replay import replay
from kvreplay.simulator.replay.prefill import page_flops
from kvreplay.simulator.serving.model import get_model
from kvreplay.traces.builder import Batch, TraceBuilder
from kvreplay.traces.errors import TraceError
from kvreplay.traces.page_ids import chain_pages
from kvreplay.traces.trace import Trace


@st.composite
def prompts(draw) -> Trace:
    """Prompts of tokens 0 and 1, in pages of 4."""
    texts = draw(st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=30), min_size=1, max_size=40))
    lengths = np.array([len(text) for text in texts])
    tokens = np.concatenate([np.array(text, np.uint32) for text in texts])
    keys, counts = chain_pages(tokens, np.concatenate([[0], np.cumsum(lengths)]), 4)
    builder = TraceBuilder()
    builder.add(Batch(keys=keys, counts=counts, prompt_tokens=lengths))
    return builder.finish("prompts", page_tokens=4)


@pytest.mark.parametrize("model", ["llama-3.1-8b", "qwen3-32b"])
@settings(max_examples=30, deadline=None)
@given(trace=prompts())
def test_the_pages_of_a_prompt_cost_what_the_prompt_does(model, trace):
    """n tokens behind p cached ones: 2 W (n - p) + 4 L h ((n - p) p + (n - p)^2 / 2)."""
    shape, flops = get_model(model), page_flops(trace, model)
    attention = 4 * shape.layers * shape.heads * shape.head_size
    for low, high, n in zip(trace.offsets[:-1], trace.offsets[1:], trace.prompt_tokens.tolist(), strict=True):
        for p in range(0, n, 4):
            missed = flops[trace.pages[low + p // 4 : high]]
            whole = 2 * shape.layer_weights * (n - p) + attention * ((n - p) * p + (n - p) ** 2 / 2)
            assert missed.sum() == pytest.approx(whole, rel=1e-12)


def test_by_hand():
    # Llama 3.1 8B: 6,979,321,856 weights in the layers, 4 x 32 x 32 x 128 = 524,288 for attention.
    trace = Trace(
        "t", np.array([0, 1], np.uint32), 2, np.array([0, 2]), parent=np.array([-1, 0], np.int32), page_tokens=10
    )
    linear = 2 * 6_979_321_856 * 10
    assert page_flops(trace, "llama-3.1-8b").tolist() == [linear + 524_288 * 50, linear + 524_288 * (100 + 50)]


@settings(max_examples=30, deadline=None)
@given(trace=prompts(), share=st.floats(0.05, 1), reading=st.sampled_from(["independent", "prefix"]))
def test_rows_say_what_hits_saved(trace, share, reading):
    # A cost of each page twice over: modelled, and as the trace's own, which gives the same.
    flops = page_flops(trace, "qwen3-8b")
    own = Trace(
        trace.name,
        trace.pages,
        trace.n_pages,
        trace.page_offsets,
        prompt_tokens=trace.prompt_tokens,
        parent=trace.parent,
        page_cost=flops,
        page_tokens=4,
    )
    capacity = max(1, int(share * trace.n_pages))
    for policy in ("lru", "gdsf"):
        modelled = replay(trace, policy, capacity, reading=reading, cost_model="qwen3-8b").row
        assert modelled["cost"] == pytest.approx(flops[trace.pages].sum())
        row = replay(own, policy, capacity, reading=reading).row
        for name in ("hits", "cost", "cost_hits", "cost_hit_ratio"):
            assert row[name] == modelled[name]
        assert (row["cost_model"], modelled["cost_model"]) == (None, "qwen3-8b")
    # As a pass over single accesses, each a window of its own.
    single = Trace("keys", trace.pages, trace.n_pages, page_cost=flops)
    row = replay(single, "lru", capacity, windows=trace.n_accesses).row
    hit = np.array(row["series_hits"], bool)
    assert row["cost_hits"] == pytest.approx(flops[single.pages[hit]].sum())
    assert row["cost_hit_ratio"] == pytest.approx(row["cost_hits"] / row["cost"])


def test_without_costs_there_are_none():
    row = replay(Trace("keys", np.array([0, 0], np.uint32), 1), "lru", 1).row
    assert [row[name] for name in ("cost", "cost_hits", "cost_hit_ratio", "cost_model")] == [None] * 4


@pytest.mark.parametrize(
    ("columns", "model", "message"),
    [
        ({}, "lama-3.1-8b", "unknown cost model 'lama-3.1-8b', did you mean 'llama-3.1-8b'"),
        ({}, "qwen3-8b", "the pages of keys are not prefixes of tokens, whose prefill it models; leave cost_model out"),
        ({"page_cost": np.ones(1)}, "qwen3-8b", "keys says itself what its pages cost; leave cost_model out"),
    ],
)
def test_what_makes_no_sense_is_refused(columns, model, message):
    with pytest.raises(ValueError, match=message):
        replay(Trace("keys", np.zeros(2, np.uint32), 1, **columns), "lru", 1, cost_model=model)


@pytest.mark.parametrize("cost", [-1, np.nan, np.inf])
def test_costs_must_be_numbers_from_0_on(cost):
    with pytest.raises(TraceError, match="a page's cost is below 0 or not finite; correct it"):
        Trace("keys", np.zeros(1, np.uint32), 1, page_cost=np.array([cost], float))
