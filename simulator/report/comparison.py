"""Paired differences between two runs, or two policies of one run, with 95 % confidence intervals.

Two cells are a pair where trace (by content), reading, capacity and seed are the same. What an interval means and what
it does not is said in `intervals`.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from kvreplay.parameters import nearest
from kvreplay.simulator.experiment.store import Results

from .errors import ReportError
from .intervals import over_blocks, over_seeds
from .workloads import METRICS, Row, check_metric, is_number, sampling_error, settings, value, workloads

BETTER, WORSE, NOISE, IDENTICAL, NO_INTERVAL = "better", "worse", "within noise", "identical", "no interval"


# Ratios that the rows carry window by window: whole and part.
_SERIES = {
    "hit_ratio": ("series_pages", "series_hits"),
    "prefix_hit_ratio": ("series_pages", "series_prefix_hits"),
    "token_hit_ratio": ("series_tokens", "series_tokens_saved"),
}


class Difference(NamedTuple):
    """What `b` has more than `a` of one metric, at one capacity of one trace."""

    trace: str
    reading: str
    capacity: int
    capacity_unit: str
    policy_a: str
    policy_b: str
    metric: str
    a: float  # mean over the paired seeds
    b: float
    difference: float  # b - a
    half_width: float | None  # of the 95 % interval around `difference`; None where there is nothing to take it from
    basis: str  # what the interval was taken over
    verdict: str  # of b against a: better, worse, within noise, identical, no interval


@dataclass(frozen=True)
class Comparison:
    """Every difference, and a note for each thing that could not be paired."""

    differences: list[Difference]
    notes: list[str] = field(default_factory=list)

    def counts(self, metric: str) -> Counter[str]:
        """How many of the differences in `metric` have each verdict."""
        return Counter(d.verdict for d in self.differences if d.metric == metric)

    @property
    def metrics(self) -> list[str]:
        return [name for name in METRICS if any(d.metric == name for d in self.differences)]


def compare(
    a: Results,
    b: Results | None = None,
    *,
    policies: tuple[str, str] | None = None,
    metrics: Sequence[str] = tuple(METRICS),
) -> Comparison:
    """Pair the cells of run `a` with those of run `b`; or, with `policies`, those of two policies within `a`.

    A win is only what lies outside the interval. The verdicts of one table are not corrected for their number: of
    twenty comparisons between equals about one will look like a difference.

    Raises ReportError where a policy or metric is unknown, or nothing can be paired.
    """
    if (b is None) == (policies is None):
        raise ReportError("comparison of what? give two runs, or one run and two policies")
    for metric in metrics:
        check_metric(metric)
    groups_a, groups_b = _groups(a), _groups(a if b is None else b)
    notes: list[str] = []
    if policies is not None:
        groups_a, groups_b = (_of_policy(groups_a, policy) for policy in policies)
    notes += _unpaired(groups_a, groups_b, policies)
    differences = []
    for key in groups_a:
        if key not in groups_b:
            continue
        rows_a, rows_b = groups_a[key], groups_b[key]
        if not _pairs(rows_a, rows_b):
            notes.append(f"{key[0]}: no cells of the same trace content and seed in both, not compared")
        found = (difference(rows_a, rows_b, metric) for metric in metrics)
        differences += [one for one in found if one is not None]
    if not differences:
        raise ReportError("; ".join(["no two cells can be paired", *dict.fromkeys(notes)]))
    return Comparison(differences, list(dict.fromkeys(notes)))


def difference(rows_a: list[Row], rows_b: list[Row], metric: str) -> Difference | None:
    """The paired difference of two lists of rows that differ in seed only; None where `metric` is null.

    Of the intervals that time blocks, seeds and samples give, the widest counts.
    """
    pairs = [(x, y) for x, y in _pairs(rows_a, rows_b) if is_number(value(x, metric)) and is_number(value(y, metric))]
    if not pairs:
        return None
    values = [(value(x, metric) or 0.0, value(y, metric) or 0.0) for x, y in pairs]
    a, b = (sum(side) / len(pairs) for side in zip(*values, strict=True))
    series = _series(pairs, metric)
    intervals = []
    if series is not None:
        intervals.append((over_blocks(*series), "time blocks"))
    intervals.append((over_seeds([y - x for x, y in values]), f"{len(pairs)} seeds"))
    if metric == "hit_ratio":
        errors = [sampling_error(side) for side in zip(*pairs, strict=True)]
        intervals.append((None if None in errors else math.hypot(*filter(None, errors)), "samples"))
    half_width, basis = max(((half, basis) for half, basis in intervals if half is not None), default=(None, ""))
    same = all(x[metric] == y[metric] and x["series_hits"] == y["series_hits"] for x, y in pairs)
    first = pairs[0][0]
    return Difference(
        trace=first["trace"] + settings(first),
        **{name: first[name] for name in ("reading", "capacity", "capacity_unit")},
        policy_a=pairs[0][0]["policy"],
        policy_b=pairs[0][1]["policy"],
        metric=metric,
        a=a,
        b=b,
        difference=b - a,
        half_width=half_width,
        basis=basis,
        verdict=_verdict(b - a, half_width, same),
    )


def _verdict(gain: float, half_width: float | None, same: bool) -> str:
    if same:
        return IDENTICAL
    if half_width is None:
        return NO_INTERVAL
    if abs(gain) <= half_width:
        return NOISE
    return BETTER if gain > 0 else WORSE


def _pairs(rows_a: list[Row], rows_b: list[Row]) -> list[tuple[Row, Row]]:
    """Rows on the same trace content with equal seeds.

    Where one of two different policies ran under a single seed, it is set against every seed of the other.
    """
    seeds_a, seeds_b = _by_seed(rows_a), _by_seed(rows_b)
    pairs = []
    for content, mine in seeds_a.items():
        other = seeds_b.get(content, {})
        if rows_a[0]["policy"] != rows_b[0]["policy"] and 1 in (len(mine), len(other)):
            pairs += [(x, y) for x in mine.values() for y in other.values()]
        else:
            pairs += [(mine[seed], other[seed]) for seed in mine if seed in other]
    return pairs


def _by_seed(rows: list[Row]) -> dict[str, dict[int, Row]]:
    """Trace content -> seed -> row."""
    found: dict[str, dict[int, Row]] = defaultdict(dict)
    for row in rows:
        found[row["trace_hash"]][row["seed"]] = row
    return found


def _series(pairs: list[tuple[Row, Row]], metric: str) -> tuple[np.ndarray, np.ndarray] | None:
    """What `metric` is a share of, per window, and what was gained of it, summed over pairs; None without a series."""
    if metric not in _SERIES:
        return None
    of, counted = _SERIES[metric]
    whole = pairs[0][0][of]
    if whole is None or any(row[of] != whole or row[counted] is None for pair in pairs for row in pair):
        return None
    gained = sum(np.array(y[counted], np.int64) - np.array(x[counted], np.int64) for x, y in pairs)
    return np.array(whole, np.int64) * len(pairs), np.asarray(gained)


_Key = tuple[str, str, str, int, str]  # trace, reading, unit of capacity, capacity, policy


def _groups(results: Results) -> dict[_Key, list[Row]]:
    groups: dict[_Key, list[Row]] = defaultdict(list)
    for workload in workloads(results.rows):
        for row in (*workload.rows, *workload.resized):
            policy = " sized by ".join(filter(None, (row["policy"], row["sizing"])))
            groups[workload.trace, workload.reading, workload.unit, row["capacity"], policy].append(row)
    return groups


def _of_policy(groups: dict[_Key, list[Row]], policy: str) -> dict[_Key, list[Row]]:
    known = list(dict.fromkeys(key[-1] for key in groups))
    if policy not in known:
        raise ReportError(f"policy {policy!r} is not in the results; {nearest(policy, known)}")
    return {(*key[:-1], ""): rows for key, rows in groups.items() if key[-1] == policy}


def _unpaired(
    groups_a: dict[_Key, list[Row]], groups_b: dict[_Key, list[Row]], policies: tuple[str, str] | None
) -> list[str]:
    names = policies or ("the first run", "the second run")
    notes = []
    for name, mine, other in ((names[0], groups_a, groups_b), (names[1], groups_b, groups_a)):
        alone = [key for key in mine if key not in other]
        if alone:
            example = " ".join(map(str, alone[0])).strip()
            notes.append(f"{len(alone)} of {len(mine)} cells of {name} have no partner, the first: {example}")
    return notes
