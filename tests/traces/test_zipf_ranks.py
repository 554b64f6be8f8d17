"""Zipf ranks by number: the table says exactly Zipf's law, and what is drawn follows it wherever it is cut."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.traces.workloads.zipf_ranks import _GAMMA, ZipfRanks, _mix


def told(ranks: ZipfRanks, n: int) -> np.ndarray:
    """The share of each rank as the table has it, (n,): that of its place, times that with which it is taken."""
    found = np.zeros(n)
    for half, (offset, slope, _, first) in enumerate(ranks._halves):
        edge = ranks._threshold[half // 2]
        low, high = (edge, 1.0) if half % 2 else (0.0, edge)
        members = np.arange(round(offset + slope * low), round(offset + slope * high))
        if len(members):
            found[members] += (high - low) / len(members) * (first / (members + 1)) ** ranks._skew
    return found / found.sum()


@settings(deadline=None)
@given(st.integers(1, 5000), st.sampled_from([0.0, 0.6, 1.0, 1.7, 4.0]))
def test_the_table_tells_zipf_s_law(n, skew):
    expected = np.arange(1, n + 1, dtype=np.float64) ** -skew
    np.testing.assert_allclose(told(ZipfRanks(n, skew, 0), n), expected / expected.sum(), rtol=1e-9)


@pytest.mark.parametrize("skew", [0.3, 1.0, 2.5])
def test_what_is_drawn_follows_it(skew):
    n, count = 3000, 1 << 20
    expected = np.arange(1, n + 1, dtype=np.float64) ** -skew
    expected *= count / expected.sum()
    found = np.bincount(ZipfRanks(n, skew, 1).read(0, count), minlength=n).astype(np.float64)
    ends = np.unique(np.searchsorted(np.cumsum(expected), np.arange(0, count, count / 100)))  # about 100 equal shares
    wanted = np.add.reduceat(expected, ends)
    squares = (np.add.reduceat(found, ends) - wanted) ** 2 / wanted
    assert squares.sum() < len(ends) + 5 * np.sqrt(2 * len(ends))  # chi-squared: its mean and five deviations


@settings(deadline=None)
@given(st.integers(0, 2**50), st.lists(st.integers(0, 100_000), min_size=1, max_size=4))
def test_ranks_do_not_depend_on_where_they_are_cut(start, lengths):
    ranks = ZipfRanks(10**6, 1.0, 7)
    cuts = list(itertools.accumulate(lengths, initial=start))
    pieces = [ranks.read(low, high) for low, high in itertools.pairwise(cuts)]
    assert np.array_equal(np.concatenate(pieces), ranks.read(start, cuts[-1]))


@pytest.mark.parametrize("n", [1, 2, 10**8])
def test_ranks_stay_below_n(n):
    found = ZipfRanks(n, 0.0, 3).read(0, 100_000)
    assert n // 2 <= found.max() < n


def test_random_numbers_are_those_of_splitmix64():
    # The first three of seed 1234567 as Rosetta Code has them, "Pseudo-random numbers/Splitmix64".
    numbers = [int(_mix(np.uint64((1234567 + (i + 1) * _GAMMA) % 2**64))) for i in range(3)]
    assert numbers == [6457827717110365317, 3203168211198807973, 9817491932198370423]
