"""Comparisons: which cells are pairs, and what is called a win."""

from __future__ import annotations

import pytest

import kvreplay
from kvreplay.simulator.report import ReportError, compare
from kvreplay.simulator.report.comparison import BETTER, IDENTICAL, NO_INTERVAL, NOISE, WORSE, difference

from .rows import row, save

WAVES = [30, 50] * 10


def only(comparison, metric="hit_ratio"):
    (found,) = [d for d in comparison.differences if d.metric == metric]
    return found


def test_second_run_against_first(tmp_path):
    a = save(tmp_path / "a", [row(hits=WAVES)])
    b = save(tmp_path / "b", [row(hits=[h + 5 + i % 2 for i, h in enumerate(WAVES)])])
    found = only(compare(a, b))
    assert found.difference == pytest.approx(0.055)
    assert (found.verdict, found.basis) == (BETTER, "time blocks")
    assert 0 < found.half_width < 0.005
    assert only(compare(b, a)).verdict == WORSE


def test_a_gain_that_comes_and_goes_is_noise(tmp_path):
    a = save(tmp_path / "a", [row(hits=WAVES)])
    b = save(tmp_path / "b", [row(hits=[h + (21 if i % 2 else -20) for i, h in enumerate(WAVES)])])
    found = only(compare(a, b))
    assert found.difference == pytest.approx(0.005)
    assert found.verdict == NOISE


def test_a_run_is_identical_to_itself(tmp_path):
    a = save(tmp_path, [row("lru"), row("fifo"), row("lru", capacity=200)])
    comparison = compare(a, a)
    assert {d.verdict for d in comparison.differences} == {IDENTICAL}
    assert comparison.counts("hit_ratio") == {IDENTICAL: 3}
    assert comparison.notes == []


def test_equal_totals_by_other_hits_are_not_identical(tmp_path):
    a = save(tmp_path / "a", [row(hits=[10, 20, 30])])
    b = save(tmp_path / "b", [row(hits=[30, 20, 10])])
    assert only(compare(a, b)).verdict == NOISE


def test_two_policies_of_one_run(tmp_path):
    a = save(
        tmp_path, [row("lru", WAVES), row("sieve", [h + 3 + i % 2 for i, h in enumerate(WAVES)]), row("fifo", WAVES)]
    )
    found = only(compare(a, policies=("lru", "sieve")))
    assert (found.policy_a, found.policy_b, found.verdict) == ("lru", "sieve", BETTER)


def test_seeds_are_paired_with_themselves(tmp_path):
    shift = {0: 10, 1: 20, 2: 30}
    a = save(tmp_path / "a", [row("random", [40 + s] * 4, seed=seed) for seed, s in shift.items()])
    b = save(tmp_path / "b", [row("random", [41 + s] * 4, seed=seed) for seed, s in reversed(shift.items())])
    found = only(compare(a, b))
    # Unpaired, the seeds would differ by 10 points; paired, by 1 point each time.
    assert found.difference == pytest.approx(0.01)
    assert found.half_width == pytest.approx(0, abs=1e-12)
    assert found.verdict == BETTER


def test_a_policy_without_seeds_stands_against_every_seed(tmp_path):
    rows = [row("lru", [40] * 4)] + [row("random", [30 + seed] * 4, seed=seed) for seed in (0, 1, 2)]
    found = only(compare(save(tmp_path, rows), policies=("lru", "random")))
    assert (found.a, found.b) == (pytest.approx(0.40), pytest.approx(0.31))
    # Student's interval of -0.10, -0.09, -0.08.
    assert found.half_width == pytest.approx(4.3027 * 0.01 / 3**0.5, rel=1e-4)
    assert found.basis == "3 seeds"


def test_the_wider_interval_counts():
    a = [row("random", WAVES, seed=seed) for seed in (0, 1)]
    b = [row("random", [h + 3 * (-1) ** i for i, h in enumerate(WAVES)], seed=seed) for seed in (0, 1)]
    assert difference(a, b, "hit_ratio").basis == "time blocks"  # the seeds agree exactly


def test_without_series_or_seeds_there_is_no_interval(tmp_path):
    a = save(tmp_path / "a", [row(token_hit_ratio=0.3)])
    b = save(tmp_path / "b", [row(token_hit_ratio=0.4)])
    found = only(compare(a, b), "token_hit_ratio")
    assert (found.half_width, found.verdict) == (None, NO_INTERVAL)


@pytest.mark.parametrize("metric", ["hit_ratio", "prefix_hit_ratio", "token_hit_ratio"])
def test_replays_carry_a_series_for_each_kind_of_hit(metric):
    trace = kvreplay.generate("conversation", sessions=300, seed=1)
    a, b = ([kvreplay.replay(trace, policy, "10%").row] for policy in ("lru", "lfu"))
    found = difference(a, b, metric)
    assert found.difference == pytest.approx(b[0][metric] - a[0][metric])
    assert (found.basis, found.verdict) == ("time blocks", WORSE)


def test_null_and_nan_are_left_out(tmp_path):
    a = save(tmp_path / "a", [row(byte_hit_ratio=None, token_hit_ratio=float("nan"))])
    assert {d.metric for d in compare(a, a).differences} == {
        "hit_ratio",
        "prefix_hit_ratio",
        "request_mean_hit_ratio",
        "requests_hit_ratio",
    }


def test_series_of_other_windows_give_no_blocks():
    assert difference([row(hits=[10, 20])], [row(hits=[10, 20, 30])], "hit_ratio").half_width is None


def test_another_trace_of_the_same_name_is_not_compared(tmp_path):
    a = save(tmp_path / "a", [row(), row(trace="other")])
    b = save(tmp_path / "b", [row(trace_hash="d" * 30), row(trace="other")])
    comparison = compare(a, b)
    assert {d.trace for d in comparison.differences} == {"other"}
    assert comparison.notes == ["web: no cells of the same trace content and seed in both, not compared"]


def test_cells_without_partner_are_noted(tmp_path):
    a = save(tmp_path / "a", [row(), row(capacity=200), row(capacity=300)])
    b = save(tmp_path / "b", [row()])
    (note,) = compare(a, b).notes
    assert note == "2 of 3 cells of the first run have no partner, the first: web independent pages 200 lru"


def test_shares_of_traces_of_other_seeds_are_one_capacity(tmp_path):
    """10 % of a generated trace is a few pages more or less with another seed: still replicates of one cell."""
    rows = [
        row(
            policy,
            [40 + gain] * 4,
            capacity=capacity,
            footprint=10 * capacity,
            seed=seed,
            trace_seed=seed,
            trace_hash=f"{seed}" * 30,
        )
        for policy, gain in (("lru", 0), ("sieve", 2))
        for seed, capacity in ((0, 100), (1, 101), (2, 99))
    ]
    found = only(compare(save(tmp_path, rows), policies=("lru", "sieve")))
    assert found.capacity == 100
    assert found.basis in ("3 seeds", "time blocks")
    assert found.difference == pytest.approx(0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"policies": ("lru", "sive")}, "policy 'sive' is not in the results; known: lru"),
        (
            {"policies": ("lru", "lru"), "metrics": ["hitratio"]},
            "metric 'hitratio' is unknown; did you mean 'hit_ratio'?",
        ),
        ({}, "comparison of what? give two runs, or one run and two policies"),
    ],
)
def test_mistakes(tmp_path, arguments, message):
    with pytest.raises(ReportError) as error:
        compare(save(tmp_path, [row()]), **arguments)
    assert str(error.value) == message


def test_nothing_in_common(tmp_path):
    a, b = save(tmp_path / "a", [row()]), save(tmp_path / "b", [row(trace="other")])
    with pytest.raises(ReportError, match="no two cells can be paired"):
        compare(a, b)
