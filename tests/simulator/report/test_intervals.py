"""Confidence intervals: Student's t against printed tables, and their coverage where the truth is known."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest

from kvreplay.simulator.report.comparison import BETTER, WORSE, difference
from kvreplay.simulator.report.intervals import over_blocks, over_seeds
from kvreplay.simulator.student_t import student_t

from .rows import row


# Fisher and Yates, Statistical Tables for Biological, Agricultural and Medical Research, table III.
@pytest.mark.parametrize(
    ("freedom", "level", "t"),
    [
        (1, 0.95, 12.706),
        (2, 0.95, 4.303),
        (3, 0.95, 3.182),
        (5, 0.95, 2.571),
        (10, 0.95, 2.228),
        (19, 0.95, 2.093),
        (30, 0.95, 2.042),
        (120, 0.95, 1.980),
        (10, 0.99, 3.169),
        (9, 0.90, 1.833),
    ],
)
def test_student_t_is_that_of_the_tables(freedom, level, t):
    assert student_t(freedom, level) == pytest.approx(t, abs=5e-4)


@pytest.mark.parametrize("freedom", [4, 7, 19])
def test_student_t_encloses_the_level_under_the_density(freedom):
    t = student_t(freedom)
    x = np.linspace(-t, t, 100_001)
    norm = math.gamma((freedom + 1) / 2) / math.sqrt(freedom * math.pi) / math.gamma(freedom / 2)
    assert np.trapezoid(norm * (1 + x**2 / freedom) ** (-(freedom + 1) / 2), x) == pytest.approx(0.95, abs=1e-6)


def test_blocks_of_equal_size_give_students_interval_of_the_mean():
    gained = np.array([3, -1, 4, 1, -5, 9, 2, 6, -5, 3, 5, 8, 9, 7, 9, -3, 2, 3, 8, 4])
    ratios = [gain / 50 for gain in gained]
    expected = 2.0930 * statistics.stdev(ratios) / math.sqrt(20)
    assert over_blocks(np.full(20, 50), gained) == pytest.approx(expected, rel=1e-4)


def test_windows_are_joined_to_blocks():
    gained = np.arange(60) % 7
    joined = gained.reshape(20, 3).sum(axis=1)
    assert over_blocks(np.full(60, 10), gained) == pytest.approx(over_blocks(np.full(20, 30), joined))


def test_blocks_of_unequal_size_by_hand():
    # 2 gained in 4 pages: ratio 1/2. Residuals 1 - 1/2 and 1 - 3/2; variance 2 / 1 x (1/4 + 1/4) / 4**2 = 1 / 16.
    assert over_blocks(np.array([1, 3]), np.array([1, 1])) == pytest.approx(12.7062 / 4, rel=1e-5)


def test_a_gain_in_proportion_to_pages_has_no_width():
    assert over_blocks(np.array([10, 20, 30]), np.array([1, 2, 3])) == pytest.approx(0, abs=1e-12)


def test_no_interval_from_one_window_or_one_seed():
    assert over_blocks(np.array([100]), np.array([3])) is None
    assert over_blocks(np.array([0, 100, 0]), np.array([0, 3, 0])) is None
    assert over_seeds([0.1]) is None


def test_seeds_by_hand():
    # Mean of 1, 2, 3: standard deviation 1, t(2) = 4.3027, over the root of 3.
    assert over_seeds([1.0, 2.0, 3.0]) == pytest.approx(4.3027 / math.sqrt(3), rel=1e-4)


def _replays(rng, gain, times, correlation=0.0, windows=100):
    """Pairs of hit series of one traffic: its rate swings, and the policies differ by `gain` on average."""
    for _ in range(times):
        pages = rng.integers(500, 1500, windows)
        swing = 0.5 + 0.2 * np.sin(rng.uniform(0, 6) + np.arange(windows) / 15)
        noise = np.zeros(windows)
        shocks = rng.normal(0, 0.02, windows)
        noise[0] = shocks[0] / math.sqrt(1 - correlation**2)
        for i in range(1, windows):
            noise[i] = correlation * noise[i - 1] + shocks[i]
        first = rng.binomial(pages, swing)
        second = np.clip(first + np.round((gain + noise) * pages).astype(int), 0, pages)
        yield pages, first, second


@pytest.mark.parametrize(("correlation", "least"), [(0.0, 0.92), (0.5, 0.90)])
def test_blocks_cover_the_true_difference(correlation, least):
    """95 % by theory; the standard error of the share over 500 trials is 1 %. Correlated windows cost a little."""
    covered = 0
    for pages, first, second in _replays(np.random.default_rng(1), 0.01, 500, correlation):
        found = difference(
            [row("a", first.tolist(), pages=pages.tolist())],
            [row("b", second.tolist(), pages=pages.tolist())],
            "hit_ratio",
        )
        covered += abs(found.difference - 0.01) <= found.half_width
    assert least <= covered / 500 <= 0.98


def test_equals_are_seldom_told_apart():
    """Of 500 comparisons without a true difference 5 % are expected to look like one: 2.5 % to either side."""
    verdicts = [
        difference(
            [row("a", first.tolist(), pages=pages.tolist())],
            [row("b", second.tolist(), pages=pages.tolist())],
            "hit_ratio",
        ).verdict
        for pages, first, second in _replays(np.random.default_rng(2), 0.0, 500)
    ]
    assert 0.01 <= verdicts.count(BETTER) / 500 <= 0.05
    assert 0.01 <= verdicts.count(WORSE) / 500 <= 0.05


def test_seeds_cover_the_true_difference():
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(1000):
        sample = rng.normal(0.02, 0.005, 5)
        covered += abs(sample.mean() - 0.02) <= over_seeds(sample.tolist())
    assert 0.93 <= covered / 1000 <= 0.97
