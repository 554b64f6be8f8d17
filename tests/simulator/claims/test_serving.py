"""Modelled measures of speed against what can be worked out."""

from __future__ import annotations

import numpy as np
import pytest

from kvreplay.simulator.claims import serving
from kvreplay.simulator.serving.cost import attended, step_cost


def test_throughput_grows_as_the_share_that_is_generated_shrinks():
    gains = list(serving.throughput_gain(hits=0.5, lookup_ms=0.01, concurrency=8))
    assert np.mean(gains) == pytest.approx(2, rel=0.15)
    assert len(set(gains)) == len(gains)  # seeds differ


def test_the_time_to_the_first_token_is_that_of_one_step():
    cost = step_cost("llama-3.1-8b", "a100")
    (cold,) = serving.first_token_seconds(prompt=1000, reused=0)
    assert cold == pytest.approx(cost.step(1000, attended(0, 1000), 0, 0))
    (warm,) = serving.first_token_seconds(prompt=1000, reused=800)
    assert warm == pytest.approx(cost.step(200, attended(800, 200), 0, 0))
    # The last token is always computed.
    (whole,) = serving.first_token_seconds(prompt=1024, reused=1024)
    assert whole == pytest.approx(cost.step(16, attended(1008, 16), 0, 0))


def test_a_lone_sequence_gets_a_token_a_step():
    cost = step_cost("llama-3.1-8b", "a100")
    speeds = list(serving.tokens_per_second(model="llama-3.1-8b", device="a100", concurrency=1))
    assert np.mean(speeds) == pytest.approx(1 / cost.step(0, 0, 1, 356), rel=0.02)


def test_devices_gain_their_number_and_more_by_what_they_share(monkeypatch):
    """Even where nothing is known yet: of two that share, each computes half of the documents."""
    monkeypatch.setattr(serving, "_ASKED", 150)
    monkeypatch.setattr(serving, "_SEEDS", range(1))
    (apart,) = serving.sharing_gain(replicas=2, sharing=None)
    assert apart == pytest.approx(2, rel=0.15)
    (together,) = serving.sharing_gain(replicas=2, sharing="replicate")
    assert together > 1.1 * apart


def test_questions_share_their_document_and_nothing_else():
    trace = serving._questions(50, 0)
    prompts = trace.pages.reshape(50, -1)
    assert (np.unique(prompts[:, 256:]).size, prompts.shape[1]) == (50 * 8, 264)
    starts = {prompt[0]: prompt[:256].tolist() for prompt in prompts}
    assert all(prompt[:256].tolist() == starts[prompt[0]] for prompt in prompts)
    assert trace.parent is not None
    assert (trace.parent[prompts[:, 1:]] == prompts[:, :-1]).all()
    assert (trace.parent[prompts[:, 0]] == -1).all()
