"""Miss-ratio curves: page hits at many capacities of one trace; LRU's at every capacity from a single pass."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from kvreplay.policies import Policy, PolicyError, get, names
from kvreplay.traces.errors import TraceError
from kvreplay.traces.reuse import distance_counts
from kvreplay.traces.trace import Trace

from .capacity import Capacity, CapacityError, parse_capacity
from .engine import Result, fit, replay
from .part import check_policy
from .row import COLUMNS
from .sampling import Samples
from .threads import in_threads
from .trial import try_out

POINTS = 24


class Curve(NamedTuple):
    """Page hits of one policy at rising capacities."""

    policy: str
    capacity: np.ndarray  # (n,) int64, pages
    hits: np.ndarray  # (n,) int64, page hits; estimated where half_width is above 0
    hit_ratio: np.ndarray  # (n,) float64, page hits / page accesses
    half_width: np.ndarray  # (n,) float64: the 95 % interval is hit_ratio -+ half_width; 0 where exact


def lru_curve(trace: Trace) -> Curve:
    """LRU's exact page hits at every capacity 1 .. n_pages, from reuse distances (Mattson et al., 1970)."""
    hits = np.cumsum(distance_counts(trace))
    capacity = np.arange(1, trace.n_pages + 1)
    return Curve("lru", capacity, hits, hits / max(trace.n_accesses, 1), np.zeros(len(hits)))


def curve(trace: Trace, policy: Any = "lru", capacities: Iterable[Any] | None = None, **options: Any) -> Curve:
    """The curve of one policy; `capacities` and `options` are those of `curve_rows`.

    Where none are given, LRU's is that of `lru_curve`, unless `reading`, `warmup` or `ttl` say that it is another.
    """
    policy = get(policy)
    plain = options.get("reading", "independent") == "independent" and not (options.get("warmup") or options.get("ttl"))
    if policy.name == "lru" and capacities is None and plain:
        return lru_curve(trace)
    rows = curve_rows(trace, [policy], capacities, **options)
    capacity, ratio, pages = (np.array([row[name] for row in rows]) for name in ("capacity", "hit_ratio", "pages"))
    half_width = np.array([row["half_width"] or 0.0 for row in rows])
    return Curve(policy.label, capacity, np.rint(ratio * pages).astype(np.int64), ratio, half_width)


def curve_rows(
    trace: Trace,
    policies: Iterable[Any] | None = None,
    capacities: Iterable[Any] | None = None,
    *,
    points: int = POINTS,
    sample: float | None = None,
    seed: int = 0,
    threads: int | None = None,
    watch: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> list[dict[str, Any]]:
    """A row for every policy at every capacity, `row.COLUMNS`, policy by policy.

    `policies` default to all known by name that fit; `capacities` to `points` of them from 0.1 % to the whole trace,
    evenly spaced in their logarithm; `settings` are those that `replay` and `fit` have in common. With `sample` page
    hit ratios are estimated from `Samples` of that rate: ``half_width`` is that of the 95 % interval, and what samples
    cannot know is None. LRU's stay exact, from one pass.

    `threads` (default: one per core) change nothing but the time. `watch` is told how many of all cells have finished.
    Raises what `replay` and `Samples` raise; mistakes in the arguments before anything is replayed.
    """
    settings = {"reading": "independent"} | settings
    fit(trace, get("lru"), 1, **settings)
    samples = None
    if sample is not None:
        if settings["reading"] != "independent" or any(settings.get(name) for name in ("warmup", "ttl", "cost_model")):
            raise TraceError(
                f"{trace.name}: samples of pages tear prefixes and times apart",
                mend="replay the prefix reading, a warm-up, a ttl or costs in full",
            )
        samples = Samples(trace, sample, seed=seed)
    if capacities is None:
        capacities = _spread(trace, points, samples)
    sizes = [parse_capacity(capacity) for capacity in capacities]
    if len({size.on(trace, settings.get("bytes_per_token")).unit for size in sizes}) > 1:
        raise CapacityError(f"{trace.name}: a curve has capacities in pages or in bytes; give all in one of them")

    def check(policy: Policy) -> None:
        for size in sizes:
            fit(trace, policy, size, **settings)
        if samples is not None and policy.name != "lru":
            check_policy(policy)

    chosen = _fitting(check) if policies is None else [get(policy) for policy in policies]
    for policy in chosen:
        check(policy)
        try_out(policy)
    # Capacity by capacity, so that what is left takes about as long as its share of the cells.
    cells = [(policy, size) for size in sizes for policy in chosen]

    def exactly(cell: tuple[Policy, Capacity]) -> dict[str, Any]:
        return replay(trace, *cell, seed=seed, **settings).row

    work = exactly if samples is None else _estimates(trace, cells, samples, settings.get("bytes_per_token"))
    rows: dict[int, dict[str, Any]] = {}
    for number, outcome in in_threads(work, cells, threads):
        if isinstance(outcome, BaseException):
            raise outcome
        rows[number] = outcome
        if watch is not None:
            watch(len(rows), len(cells))
    return [rows[k] for first in range(len(chosen)) for k in range(first, len(cells), len(chosen))]


def sweep(
    trace: Trace,
    policies: Iterable[Any],
    capacities: Iterable[Any],
    *,
    threads: int | None = None,
    **options: Any,
) -> Iterator[Result]:
    """`replay` for every policy at every capacity, on `threads` threads (default: one per core), in the order given."""
    cells = [(get(policy), capacity) for policy in policies for capacity in capacities]
    finished: dict[int, Result | BaseException] = {}
    wanted = 0
    for number, outcome in in_threads(lambda cell: replay(trace, *cell, **options), cells, threads):
        finished[number] = outcome
        while wanted in finished:
            result = finished.pop(wanted)
            if isinstance(result, BaseException):
                raise result
            yield result
            wanted += 1


def _fitting(check: Callable[[Policy], None]) -> list[Policy]:
    """The policies known by name that `check` does not refuse."""
    chosen = []
    for name in names():
        with contextlib.suppress(PolicyError):
            check(policy := get(name))
            chosen.append(policy)
    return chosen


def _spread(trace: Trace, points: int, samples: Samples | None) -> list[int]:
    """Capacities in pages, evenly spaced in their logarithm, from 0.1 % or what samples allow to the whole trace."""
    least = max(trace.n_pages // 1000, 1 if samples is None else samples.least_capacity)
    if least > trace.n_pages:
        raise CapacityError(f"{trace.name}: samples need {least} pages or more, it has {trace.n_pages}; raise the rate")
    return np.unique(np.rint(np.geomspace(least, trace.n_pages, points)).astype(np.int64)).tolist()


def _estimates(
    trace: Trace, cells: list[tuple[Policy, Capacity]], samples: Samples, bytes_per_token: int | None
) -> Callable[[tuple[Policy, Capacity]], dict[str, Any]]:
    """What makes a row of a cell without replaying it in full. Raises what `Samples.check` raises for any of them."""
    lru = lru_curve(trace) if any(policy.name == "lru" for policy, _ in cells) else None
    for policy, capacity in cells:
        size = capacity.on(trace, bytes_per_token)
        if size.unit != "pages":
            raise CapacityError(f"capacity {capacity.text}: samples of {trace.name} count in pages; give it in pages")
        if policy.name != "lru":
            samples.check(policy, size.amount)

    def estimated(cell: tuple[Policy, Capacity]) -> dict[str, Any]:
        policy, capacity = cell
        size = capacity.on(trace, bytes_per_token)
        if policy.name == "lru" and lru is not None:
            hits = int(lru.hits[size.amount - 1])
            known = {"hits": hits, "hit_ratio": hits / trace.n_accesses}
        else:
            hit_ratio, half_width = samples.estimate(policy, size.amount)
            known = {"hit_ratio": hit_ratio, "whole_hit_ratio": hit_ratio, "half_width": half_width}
        return dict.fromkeys(COLUMNS) | {
            "trace": trace.name,
            "policy": policy.label,
            "reading": "independent",
            "capacity": size.amount,
            "capacity_unit": size.unit,
            "capacity_share": size.share,
            "warmup": 0.0,
            "requests": trace.n_requests,
            "pages": trace.n_accesses,
            "trace_hash": trace.content_hash,
            "policy_fingerprint": policy.fingerprint,
            **known,
        }

    return estimated
