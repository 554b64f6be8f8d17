"""Claimed figures: what each way of writing one stands for."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvreplay.simulator.claims.target import parse_target


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("95 %", 0.945, 0.955),
        ("95.0%", 0.9495, 0.9505),
        ("20 GB", 19.5e9, 20.5e9),
        ("2.5 x", 2.45, 2.55),
        (">= 100,000 ops/s", 100_000, math.inf),
        ("< 1 ms", -math.inf, 1e-3),
        ("10 - 20 ms", 10e-3, 20e-3),
        ("600 MB - 1.2 GB", 600e6, 1.2e9),
    ],
)
def test_a_figure_is_as_precise_as_it_is_written(text, low, high):
    target = parse_target(text)
    assert (target.low, target.high) == (pytest.approx(low), pytest.approx(high))


@pytest.mark.parametrize("text", ["", "95", "many %", "95 parsecs", ">= 10 - 20 ms", "ms", "10 -", "20 - 10 ms"])
def test_what_is_no_figure_with_a_unit_is_refused(text):
    with pytest.raises(ValueError, match="is no figure with a unit; write"):
        parse_target(text)


def test_the_interval_decides_the_verdict():
    target = parse_target("70 %")
    assert target.verdict(0.70) == "as claimed"
    assert target.verdict(0.66) == "below"
    assert target.verdict(0.66, 0.04) == "as claimed"  # 70 % lies within 62 to 70 %
    assert target.verdict(0.80, 0.04) == "above"
    assert parse_target("< 1 ms").verdict(5e-3, 1e-3) == "above"


def test_figures_are_shown_in_the_unit_of_the_claim():
    assert parse_target("95 %").show(0.97943) == "97.9 %"
    assert parse_target("600 MB - 1.2 GB").show(0.75e9) == "0.750 GB"
    assert parse_target(">= 100,000 ops/s").show(1_234_567.0) == "1,230,000 ops/s"
    assert parse_target("< 1 ms").show(0.0) == "0 ms"


@given(st.floats(0.001, 1e6), st.floats(0, 1e3))
def test_a_wider_interval_never_leaves_the_range(value, half_width):
    target = parse_target("10 - 20 x")
    if target.verdict(value) == "as claimed":
        assert target.verdict(value, half_width) == "as claimed"
