"""The network against float64 and no cache; and that a token's numbers depend on the tokens before it alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.simulator.backends.model import Llama, LlamaShape, ModelError
from tests.oracles import llama as oracle

from .tiny import SHAPE, content, paged, tokens


@pytest.mark.parametrize("kv_heads", [1, 2, 6])
def test_logits_are_those_of_the_papers(kv_heads):
    model = Llama.random(replace(SHAPE, kv_heads=kv_heads, rope_theta=1e5), seed=kv_heads, rows=4)
    prompt = tokens(140)  # more than one block of keys
    _, logits = paged(model=model).prefill(prompt, scored=len(prompt))
    expected = oracle.logits(model, prompt)
    assert np.abs(expected).max() > 1
    np.testing.assert_allclose(logits.numpy(), expected, atol=2e-5)


@settings(max_examples=25, deadline=None)
@given(
    length=st.integers(2, 300),
    reused=st.integers(1, 299),
    page_tokens=st.sampled_from([1, 4, 16]),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)
def test_a_reused_prefix_changes_no_bit(length, reused, page_tokens, dtype):
    prompt, first = tokens(length), tokens(length)[: min(reused, length - 1)]
    fresh, warm = (paged(400, page_tokens, kv_dtype=dtype) for _ in range(2))
    cold, expected = fresh.prefill(prompt)
    warm.prefill(first)
    sequence, logits = warm.prefill(prompt)
    assert sequence.prefix.hits == len(first) // page_tokens
    assert torch.equal(logits, expected)
    assert torch.equal(content(warm, sequence), content(fresh, cold))


@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(1, 150), min_size=2, max_size=4), more=st.integers(1, 20))
def test_sequences_beside_it_change_no_bit(lengths, more):
    together = paged(400)
    prompts = [tokens(length, seed) for seed, length in enumerate(lengths)]
    following = [tokens(more + seed, 100 + seed) for seed in range(len(prompts))]
    batch = [(together.prefill(prompt)[0], after) for prompt, after in zip(prompts, following, strict=True)]
    for output, prompt, after in zip(together.run(batch), prompts, following, strict=True):
        alone = paged()
        whole = np.concatenate([prompt, after])
        sequence, logits = alone.prefill(whole, scored=len(after))
        assert torch.equal(output.logits, logits)
        assert torch.equal(output.kv, content(alone, sequence)[len(prompt) :])


def test_a_cached_prompt_costs_no_page_and_its_logits_are_the_same():
    model = paged()
    prompt = tokens(24)
    sequence, expected = model.prefill(prompt)
    model.sequences.finish(sequence)
    before = model.pool.data.clone()
    again, logits = model.prefill(prompt)
    assert again.prefix.hits == 6
    assert torch.equal(logits, expected)
    assert torch.equal(model.pool.data[model.pool.read(again.ids)], before[model.pool.read(again.ids)])
    assert model.pool.stats().physical == 6


def test_weights_are_those_of_the_seed():
    once, again, other = (Llama.random(SHAPE, seed=seed).weights.embedding for seed in (1, 1, 2))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


@pytest.mark.parametrize(
    ("change", "told"),
    [({"layers": 0}, "layers is 0"), ({"kv_heads": 4}, "6 heads on 4 of K/V"), ({"head_dim": 6}, "of 6 elements")],
)
def test_shapes_that_no_llama_has_are_refused(change, told):
    with pytest.raises(ModelError, match=told):
        LlamaShape(**{**vars(SHAPE), **change})
