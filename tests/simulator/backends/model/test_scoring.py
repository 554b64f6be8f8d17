"""Scores against what the slow float64 model says, and against what must be so."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kvreplay.simulator.backends import codecs
from kvreplay.simulator.backends.codecs import CodecError
from kvreplay.simulator.backends.model import ModelError
from kvreplay.simulator.backends.model.scoring import behind_stored, fidelity, reuse
from tests.oracles import llama as oracle

from .tiny import MODEL, SHAPE, content, paged, tokens


def log_likelihoods(prompt, answer):
    """(m, vocabulary): before each token of `answer`."""
    logits = oracle.logits(MODEL, np.concatenate([prompt, answer[:-1]]))[len(prompt) - 1 :]
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def greedy(prompt, most):
    answer = np.empty(0, np.int64)
    for _ in range(most):
        answer = np.append(answer, oracle.logits(MODEL, np.concatenate([prompt, answer]))[-1].argmax())
    return answer


def test_divergence_and_agreement_by_hand():
    right = torch.tensor([[0.5, 0.5], [0.9, 0.1]]).log() + torch.tensor([[7.0], [-3.0]])  # logits have no level
    got = torch.tensor([[0.25, 0.75], [0.9, 0.1]]).log()
    score = fidelity(right, got)
    assert score.kl == pytest.approx((0.5 * np.log(2) + 0.5 * np.log(2 / 3)) / 2, abs=1e-6)
    assert score.top1 == 0.5  # of .5 and .5 the first counts


def test_another_prompts_kv_and_answer_are_scored():
    prompt, other, most = tokens(9), tokens(11, 1), 5
    answer, others_answer = greedy(prompt, most), greedy(other, most)
    right, got = log_likelihoods(prompt, answer), log_likelihoods(other, answer)
    score = reuse(paged(), other, prompt, most)
    assert score.kv.kl == pytest.approx((np.exp(right) * (right - got)).sum(axis=1).mean(), abs=1e-4)
    assert score.kv.kl > 0.01
    assert score.kv.top1 == np.mean(right.argmax(axis=1) == got.argmax(axis=1))
    own, here = (
        log_likelihoods(behind, others_answer)[range(most), others_answer].mean() for behind in (other, prompt)
    )
    assert score.answer_excess == pytest.approx(own - here, abs=1e-4)


def test_an_equal_prompt_costs_nothing():
    assert reuse(paged(), tokens(9), tokens(9), 5) == ((0.0, 1.0), 0.0)


def test_stored_prefixes_are_scored_and_left_as_they_were():
    model = paged(page_tokens=16, kv_dtype=torch.bfloat16)
    prefix = tokens(64)
    sequence, _ = model.prefill(prefix)
    before = content(model, sequence)
    names = ["none", "int8", "fp8", "int4-kivi", "int2"]
    scores = behind_stored(model, [codecs.get(name, model.pool.layout) for name in names], prefix, tokens(40, 1))
    assert scores[0] == (0.0, 1.0)
    divergences = [score.kl for score in scores]
    assert divergences == sorted(divergences)
    assert torch.equal(content(model, sequence), before)
    other = codecs.get("int8", SHAPE.page_layout(8))
    with pytest.raises(CodecError):
        behind_stored(model, [codecs.get("int2", model.pool.layout), other], prefix, tokens(1))
    assert torch.equal(content(model, sequence), before)


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(ModelError, match="a prefix of 9 tokens; give whole pages of 4"):
        behind_stored(paged(), [], tokens(9), tokens(1))
    with pytest.raises(ModelError, match="too few pages"):
        behind_stored(paged(2), [], tokens(12), tokens(1))
