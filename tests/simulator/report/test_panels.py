"""Logarithmic axes: whatever they show, a few numbers that can be told apart stand along them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from kvreplay.simulator.report.panels import name_logarithmic


def names(low, high):
    """What is written along a logarithmic axis from `low` to `high`."""
    axes = Figure().subplots()
    axes.set(xscale="log", xlim=(low, high))
    name_logarithmic(axes.xaxis)
    shown = [tick for tick in axes.xaxis.get_majorticklocs() if low <= tick <= high]
    minor = axes.xaxis.get_minor_formatter().format_ticks(axes.xaxis.get_minorticklocs())
    assert not any(minor)
    written = axes.xaxis.get_major_formatter().format_ticks(shown)
    assert [float(text) for text in written] == pytest.approx(shown, rel=1e-5)
    return written


@given(st.floats(-6, 6), st.floats(0.005, 12))
def test_a_few_numbers_that_differ(start, decades):
    written = names(10**start, 10 ** (start + decades))
    assert 2 <= len(written) <= 6
    assert len(set(written)) == len(written)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.01, 1, "0.01 0.03 0.1 0.3 1"),
        (0.15, 35, "0.3 1 3 10 30"),
        (0.001, 90, "0.001 0.01 0.1 1 10"),
        (0.03, 2, "0.05 0.1 0.2 0.5 1 2"),
        (1e-3, 1e9, "0.001 1 1000 1e+06 1e+09"),
        (1.01, 1.05, "1.01 1.02 1.03 1.04 1.05"),
    ],
)
def test_round_ones_where_they_can_be(low, high, expected):
    assert " ".join(names(low, high)) == expected
