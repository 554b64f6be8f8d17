"""Tokens are drawn by their probabilities, the same ones however they are asked for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.simulator.backends.model import Sampler, SpeculativeDecoder
from kvreplay.simulator.backends.model.decoder import Request
from kvreplay.simulator.backends.model.sampling import greedy

from .tiny import paged, tokens

LOGITS = torch.tensor([1.0, 3.0, 2.0, 0.0, -1.0])


@pytest.mark.parametrize(("temperature", "top_p", "kept"), [(1.0, 1.0, 5), (2.0, 1.0, 5), (1.0, 0.8, 2), (1.0, 0.2, 1)])
def test_frequencies_are_the_probabilities(temperature, top_p, kept):
    n = 4_000
    drawn = Sampler(5, temperature, top_p)(LOGITS.expand(n, -1), 1)
    weights = np.exp(LOGITS.double().numpy() / temperature)
    likely = np.argsort(-weights)[:kept]
    assert set(drawn) == set(likely)
    expected = weights[likely] / weights[likely].sum()
    frequencies = np.bincount(drawn, minlength=5)[likely] / n
    assert (np.abs(frequencies - expected) <= 4 * np.sqrt(expected * (1 - expected) / n)).all()


@given(seed=st.integers(0, 2**64 - 1), place=st.integers(0, 50), n=st.integers(1, 6), top_p=st.floats(0.01, 1))
def test_a_place_gets_the_same_token_alone(seed, place, n, top_p):
    sampler = Sampler(seed, 0.9, top_p)
    logits = torch.from_numpy(np.random.default_rng(n).normal(size=(n, 40)))
    together = sampler(logits, place)
    assert together.tolist() == [int(sampler(row[None], place + i)[0]) for i, row in enumerate(logits)]


@pytest.mark.parametrize("temperature", [1e-4, 5e-324])
def test_in_the_cold_the_likeliest_is_drawn(temperature):
    logits = torch.from_numpy(np.random.default_rng(0).normal(size=(50, 40)))
    assert Sampler(1, temperature)(logits, 0).tolist() == greedy(logits, 0).tolist()


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 99), temperature=st.sampled_from([0.05, 0.3, 1.0]), length=st.integers(0, 6))
def test_drafts_and_neighbours_change_nothing_of_what_is_drawn(seed, temperature, length):
    def drawn(prompts, length, capacity):
        decoder = SpeculativeDecoder(paged(capacity), length=length)
        requests = [Request(prompt, 16, choose=Sampler(seed, temperature)) for prompt in prompts]
        for request in requests:
            decoder.submit(request)
        while decoder.waiting or decoder.running:
            decoder.step()
        return [request.output for request in requests]

    prompts = [np.tile(tokens(5, seed), 3), tokens(9, seed)]
    assert drawn(prompts, length, 12) == [drawn([prompt], 0, 40)[0] for prompt in prompts]


def test_neighbouring_seeds_draw_differently_however_large():
    logits = torch.zeros(8, 1000)
    drawn = [tuple(Sampler(seed, 1.0)(logits, 0)) for seed in (0, 1, 2**63, 2**63 + 1, 2**64 - 2, 2**64 - 1)]
    assert len(set(drawn)) == 6
