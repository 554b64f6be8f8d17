"""What steps cost: the forms that were fitted, their closed sums, and published crossover points."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvreplay.simulator.serving.cost import (
    METHODS,
    arithmetic_sum,
    arithmetic_terms,
    attended,
    devices,
    fits,
    reuse_bandwidth,
    step_cost,
    typical,
)
from kvreplay.simulator.serving.model import get_model

FITS = fits()


def test_prefill_has_the_form_that_was_fitted():
    """Llama-3.1-8B on one H100: 3.54 ms + 2 P (n - p) / (.80 F) + 4 L h ((n - p) p + (n - p)^2 / 2) / (.66 F)."""
    cost = step_cost("llama-3.1-8b", "h100")
    weights = 8_030_261_248 - 128_256 * 4096  # without the embedding table; norms are too few to matter
    for p, n in [(0, 2000), (8192, 10_000), (0, 32_768)]:
        linear = 2 * weights * (n - p) / (0.80 * 989e12)
        attention = 4 * 32 * 4096 * ((n - p) * p + (n - p) ** 2 / 2) / (0.66 * 989e12)
        assert cost.step(n - p, attended(p, n - p), 0, 0) == pytest.approx(3.54e-3 + linear + attention, rel=1e-4)


def test_decode_has_the_form_that_was_fitted():
    """base + b c1 + context KVB / (eta BW)."""
    cost = step_cost("llama-3.1-70b", "h100", 4)
    expected = 15.22e-3 + 32 * 0.0304e-3 + 50_000 * 327_680 / (0.90 * 4 * 3.35e12)
    assert cost.step(0, 0, 32, 50_000) == pytest.approx(expected)


@given(st.integers(1, 300), st.integers(1, 10**6), st.integers(1, 2000), st.sampled_from(METHODS))
def test_decode_steps_in_one_are_the_sum_of_single_ones(sequences, context, steps, method):
    cost = step_cost("llama-3.1-8b", "h100", method=method)
    single = sum(cost.step(0, 0, sequences, context + i * sequences) for i in range(steps))
    growth = sequences * cost.token_read
    assert arithmetic_sum(cost.step(0, 0, sequences, context), growth, steps) == pytest.approx(single, rel=1e-9)


@given(st.floats(1e-6, 1), st.floats(0, 1e-3), st.floats(1e-6, 100))
def test_terms_are_the_least_number_of_which_the_sum_is_as_large(first, growth, total):
    terms = arithmetic_terms(first, growth, total)
    assert arithmetic_sum(first, growth, terms) >= total > arithmetic_sum(first, growth, terms - 1)


@pytest.mark.parametrize("fit", FITS, ids=lambda fit: f"{fit.model.name}-{fit.devices}x{fit.device.name}")
def test_typical_constants_foretell_a_fit_that_they_do_not_know(fit):
    guess = typical(fit.model, fit.device, fit.devices, [other for other in FITS if other is not fit])
    steps = [(tokens, attended(0, tokens), 0, 0) for tokens in (512, 2048, 8192)]
    steps += [(0, 0, sequences, 2000 * sequences) for sequences in (1, 16, 64)]
    errors = [guess.step(*step) / fit.step(*step) for step in steps]
    # The A100's bandwidth is the outlier: 0.73 of its peak, others 0.90 to 0.95.
    assert statistics.median(abs(error - 1) for error in errors) < 0.22
    assert all(0.7 < error < 1.35 for error in errors)


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("model", ["llama-3.1-8b", "qwen3-30b-a3b", "deepseek-v3"])
def test_nothing_is_quicker_than_the_roofline(model, device):
    for tokens, sequences in [(0, 1), (0, 64), (2048, 0)]:
        step = (tokens, attended(0, tokens), sequences, 1000 * sequences)
        roofline = step_cost(model, device, 8, "roofline").step(*step)
        assert step_cost(model, device, 8, "typical").step(*step) > roofline
    cost = step_cost(model, device, 8, "roofline")
    # One sequence at no context reads the weights that its token meets.
    least = max(
        cost.model.token_weights * cost.model.bytes_per_weight / cost.bandwidth,
        2 * cost.model.token_weights / cost.linear_rate,
    )
    assert cost.step(0, 0, 1, 0) == pytest.approx(least, rel=0.01)


def test_many_tokens_read_all_experts_and_one_token_few():
    cost = step_cost("qwen3-30b-a3b", "h100", method="roofline")
    one, many = cost.step(0, 0, 1, 0), cost.step(0, 0, 512, 0)
    assert one == pytest.approx(2 * 3.03e9 / 3.35e12, rel=0.02)
    assert many == pytest.approx(2 * 30.2e9 / 3.35e12, rel=0.02)


def test_reuse_pays_from_the_bandwidth_that_mooncake_gives():
    """Section 3.1 of the FAST 2025 paper: LLaMA3-70B on 8 x A800 (312 TFLOP/s each), 8,192 tokens: about 6 GB/s."""
    assert reuse_bandwidth(get_model("llama-3-70b"), 8 * 312e12, 8192) == pytest.approx(6e9, rel=0.03)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("llama-3.1-8b", "h10"), "unknown device 'h10', did you mean 'h100'?"),
        (("llama-3.1-8b", "h100", 0), "tensor_parallel 0: a model needs a device to run on; use 1 or more"),
        (
            ("llama-3.1-8b", "h100", 1, "exact"),
            "step_cost 'exact' is unknown; use fitted, typical, roofline, or a .yaml of kvreplay calibrate",
        ),
    ],
)
def test_mistakes_are_told(arguments, message):
    with pytest.raises(ValueError, match=r"\w") as error:
        step_cost(*arguments)
    assert str(error.value) == message


def test_a_fit_that_is_not_there_is_told():
    with pytest.raises(ValueError, match=r"^no cost was fitted to qwen3-8b on 1 h100; known: llama-3\.1-8b on 1 h"):
        step_cost("qwen3-8b", "h100", method="fitted")
