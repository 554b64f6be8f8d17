"""Derived quantities of models against published figures."""

from __future__ import annotations

import pytest

from kvreplay.simulator.serving.model import get_model, models


@pytest.mark.parametrize("name", models())
def test_weights_are_as_many_as_published(name):
    assert models()[name].weights == models()[name].parameters


@pytest.mark.parametrize(
    ("name", "kilobytes"),
    [
        # Bytes per token in bfloat16: DeepSeek-V3 technical insights (Zhao et al., ISCA 2025), table 1.
        ("deepseek-v3", 70.272),
        ("qwen2.5-72b", 327.680),
        ("llama-3.1-405b", 516.096),
    ],
)
def test_kv_bytes_per_token_as_published(name, kilobytes):
    assert get_model(name).kv_bytes_per_token == kilobytes * 1000


@pytest.mark.parametrize(
    ("name", "billions", "with_embedding"),
    [
        # README_WEIGHTS.md of DeepSeek-V3: 36.6 B activated, the head of 0.9 B included.
        ("deepseek-v3", 36.6, False),
        # Qwen3 technical report (arXiv 2505.09388), table 2: 3.3 B activated, both embeddings included.
        ("qwen3-30b-a3b", 3.3, True),
        ("llama-3.1-8b", 8.03, True),
    ],
)
def test_weights_that_a_token_meets_as_published(name, billions, with_embedding):
    model = get_model(name)
    met = model.token_weights + (model.vocabulary * model.hidden if with_embedding else 0)
    assert met == pytest.approx(billions * 1e9, rel=0.015)


def test_attention_by_hand():
    # 32 layers, 32 heads, 128 numbers of a key and 128 of a value, a multiplication and an addition each.
    assert get_model("llama-3.1-8b").attention_flops == 32 * 32 * (128 + 128) * 2
    # DeepSeek-V3's keys have 64 numbers more.
    assert get_model("deepseek-v3").attention_flops == 61 * 128 * (128 + 64 + 128) * 2


def test_an_unknown_model_is_told_with_the_nearest():
    with pytest.raises(ValueError, match=r"^unknown model 'llama-3\.1-8B', did you mean 'llama-3\.1-8b'\?$"):
        get_model("llama-3.1-8B")
