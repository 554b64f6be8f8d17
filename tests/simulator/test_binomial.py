"""Clopper and Pearson's limits against sums of fractions and closed forms."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvreplay.simulator.binomial import lower_limit, tail


@given(trials=st.integers(0, 60), data=st.data(), share=st.fractions(0, 1, max_denominator=50))
def test_the_tail_is_the_sum_of_its_terms(trials, data, share):
    successes = data.draw(st.integers(0, trials))
    terms = (comb(trials, k) * share**k * (1 - share) ** (trials - k) for k in range(successes, trials + 1))
    assert tail(successes, trials, float(share)) == pytest.approx(float(sum(terms, Fraction())), rel=1e-9, abs=1e-12)


def test_limits_of_closed_form():
    for trials in (1, 6, 59, 1000):  # all succeed: so many do with probability share ** trials
        assert lower_limit(trials, trials) == pytest.approx(0.05 ** (1 / trials))
    for trials in (1, 10):  # one succeeds: at least one does with probability 1 - (1 - share) ** trials
        assert lower_limit(1, trials, 0.9) == pytest.approx(1 - 0.9 ** (1 / trials))
    assert lower_limit(0, 10) == lower_limit(0, 0) == 0.0
