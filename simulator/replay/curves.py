"""Miss-ratio curves: hits at many capacities of one trace; LRU's at every capacity from a single pass."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from kvreplay.policies import get
from kvreplay.traces.reuse import distance_counts
from kvreplay.traces.trace import Trace

from .engine import Result, replay
from .threads import in_threads


class Curve(NamedTuple):
    """Hits of one policy at rising capacities."""

    policy: str
    capacity: np.ndarray  # (n,) int64, pages
    hits: np.ndarray  # (n,) int64, page hits
    hit_ratio: np.ndarray  # (n,) float64, page hits / page accesses


def lru_curve(trace: Trace) -> Curve:
    """LRU's exact page hits at every capacity 1 .. n_pages, from reuse distances (Mattson et al., 1970)."""
    hits = np.cumsum(distance_counts(trace))
    return Curve("lru", np.arange(1, trace.n_pages + 1), hits, hits / max(trace.n_accesses, 1))


def curve(trace: Trace, policy: Any = "lru", capacities: Iterable[Any] | None = None, **options: Any) -> Curve:
    """The curve of any policy at `capacities` (default: 24, evenly spaced in the logarithm), replayed on threads.

    LRU under the independent reading, without `warmup` or `ttl`, is exact at every capacity instead. `options` are
    those of `replay`.
    """
    policy = get(policy)
    plain = options.get("reading", "independent") == "independent" and not (options.get("warmup") or options.get("ttl"))
    if policy.name == "lru" and capacities is None and plain:
        return lru_curve(trace)
    if capacities is None:
        capacities = np.unique(np.geomspace(1, trace.n_pages, 24).astype(np.int64)).tolist()
    rows = [result.row for result in sweep(trace, [policy], capacities, **options)]
    amounts, hits = (np.array([row[name] for row in rows]) for name in ("capacity", "hits"))
    return Curve(policy.label, amounts, hits, hits / rows[0]["pages"])


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
