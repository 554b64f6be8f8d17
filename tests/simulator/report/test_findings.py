"""What the report says in words about numbers whose meaning is plain."""

from __future__ import annotations

import pytest

from kvreplay.simulator.report.findings import answer, find
from kvreplay.simulator.report.workloads import workloads

from .rows import row, save

STEADY = [40] * 20
UP_AND_DOWN = [40 + (21 if i % 2 else -20) for i in range(20)]  # half a point more on average, but not reliably
BETTER = [45 + i % 2 for i in range(20)]


def of(tmp_path, *rows):
    return workloads(save(tmp_path, rows).rows)


def test_a_reliable_gain_is_a_win_and_measured_against_the_optimum(tmp_path):
    found = of(tmp_path, row("lru", STEADY), row("sieve", BETTER), row("belady", [51] * 20))
    (finding,) = find(found[0], "hit_ratio")
    assert (finding.policy, finding.as_good, finding.over_baseline.verdict) == ("sieve", [], "better")
    assert finding.closed == pytest.approx(5.5 / 11)
    ((what, text),) = answer(found, "hit_ratio")
    assert what == "web, independent pages"
    assert text.startswith(
        "with 100 pages (10 % of the footprint), sieve has the highest page hit ratio, 45.50 %, "
        "5.50 points more than lru (95 % interval +5.2"
    )
    assert text.endswith("50 % of the way from lru to the offline optimum.")


def test_a_gain_within_the_noise_is_not_called_a_win(tmp_path):
    ((_, text),) = answer(
        of(tmp_path, row("lru", STEADY), row("sieve", UP_AND_DOWN), row("fifo", [3] * 20)), "hit_ratio"
    )
    assert "sieve has the highest page hit ratio, 40.50 %, 0.50 points more than lru (95 % interval -" in text
    assert "not a difference to rely on. Within its noise: lru." in text
    assert "of the way" not in text


def test_the_optimum_never_is_the_best_policy(tmp_path):
    (finding,) = find(of(tmp_path, row("belady", [90] * 4), row("fifo", [10] * 4))[0], "hit_ratio")
    assert (finding.policy, finding.over_baseline, finding.closed) == ("fifo", None, None)


def test_among_equals_lru_is_named(tmp_path):
    (finding,) = find(of(tmp_path, row("adaptive", STEADY), row("lru", STEADY), row("fifo", [1] * 20))[0], "hit_ratio")
    assert (finding.policy, finding.as_good) == ("lru", ["adaptive"])


def test_equals_all_round(tmp_path):
    ((_, text),) = answer(of(tmp_path, row("fifo", STEADY), row("lru", STEADY), row("lfu", STEADY)), "hit_ratio")
    assert text.startswith("with 100 pages (10 % of the footprint), all 3 online policies have the same page hit ratio")


def test_over_all_cases_the_policy_is_named_that_is_best_or_as_good_most_often(tmp_path):
    rows = [
        row(policy, hits, capacity=capacity)
        for capacity, lru, sieve in ((100, STEADY, BETTER), (200, STEADY, UP_AND_DOWN), (400, STEADY, BETTER))
        for policy, hits in (("lru", lru), ("sieve", sieve))
    ]
    (what, text), (_, detail) = answer(of(tmp_path, *rows), "hit_ratio")
    assert what == "In all"
    assert text == "sieve has the highest page hit ratio, or one within its noise, in 3 of 3 sizes; lru in 1."
    assert "lru is beaten beyond the noise at 2 of 3 sizes, most with 100 pages" in detail


def test_without_lru_nothing_is_said_about_it(tmp_path):
    text = " ".join(text for _, text in answer(of(tmp_path, row("fifo", STEADY), row("sieve", BETTER)), "hit_ratio"))
    assert "sieve has the highest" in text
    assert "lru" not in text


@pytest.mark.parametrize("rows", [[], [row("belady")], [row("fifo", hit_ratio=None)]])
def test_nothing_to_compare(tmp_path, rows):
    assert answer(of(tmp_path, *rows), "hit_ratio") == [
        ("Nothing to compare", "no online policy has a page hit ratio.")
    ]
