"""Several workloads in one trace: shuffled together, merged by time, or one after another."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from kvreplay import parameters

from ..builder import Batch, TraceBuilder
from ..errors import TraceError
from ..trace import Trace
from .arrivals import Arrival
from .knobs import Requests, Seed
from .streams import streams


class _Part(NamedTuple):
    workload: str
    params: dict[str, Any]
    weight: float


def mix(
    *,
    parts: list[dict[str, Any]],
    requests: Requests = 100_000,
    order: Literal["shuffled", "timed", "phased"] = "shuffled",
    arrival: Arrival | None = None,
    seed: Seed = 0,
) -> Trace:
    """`requests` requests of which every part has the share of its weight, exactly but for rounding.

    A part is a mapping: `workload`, its parameters, and `weight` (default 1). The mix sets its `requests`,
    and its `seed` where it gives none. Parts alike in all but weight are one stream that they take turns in,
    so that a later phase goes on with the pages of an earlier one; others share no page, session or intent.

    - shuffled: in random order, each part keeping its own.
    - timed: by the arrival times that the parts have; takes no `arrival`.
    - phased: part after part.

    A column is kept where all parts have it, `intent` where one has. Unless phased, `tenant` is the part that each
    request comes from. Raises TraceError for wrong parts, for parts of different page size, and where a part cannot
    make its share of the requests.
    """
    if not parts:
        raise TraceError("mix: parts is empty", mend="name at least one workload")
    if order == "timed" and arrival is not None:
        raise TraceError("mix: timed parts keep their own arrivals", mend="leave it out, or shuffle")
    shuffle, clock, seeds = streams(seed, 3)
    given = [_part(number, part) for number, part in enumerate(parts, 1)]
    schedule = np.repeat(np.arange(len(given)), _shares([part.weight for part in given], requests))
    if order == "shuffled":
        schedule = shuffle.permutation(schedule)
    alike = [next(i for i, other in enumerate(given) if other[:2] == part[:2]) for part in given]
    schedule = np.array(alike)[schedule]  # (R,): the stream that each request comes from
    traces = [
        _stream(given[stream], int(stream) + 1, int(count), int(seeds.integers(2**31)))
        for stream, count in zip(*np.unique(schedule, return_counts=True), strict=True)
    ]
    _check_alike(traces)
    if order == "timed":
        joined = _joined(traces, "arrival")
        if joined is None:
            raise TraceError("mix: a timed part has no arrival times", mend="give every part an arrival")
        take = np.argsort(joined, kind="stable")
        return _interleaved(traces, take, joined[take], None, order)
    # Laid end to end, the streams' requests go to these places in turn; `take` is the inverse.
    take = np.empty(requests, np.int64)
    take[np.argsort(schedule, kind="stable")] = np.arange(requests)
    times, client = (None, None) if arrival is None else arrival.sample(clock, requests)
    return _interleaved(traces, take, times, client, order)


def _part(number: int, part: dict[str, Any]) -> _Part:
    params = dict(part)
    workload, weight = params.pop("workload", None), params.pop("weight", 1)
    if not isinstance(workload, str):
        raise TraceError(f"mix: part {number} names no workload", mend="write workload: NAME")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < float("inf"):
        raise TraceError(f"mix: part {number} ({workload}) has weight {weight!r}", mend="make it positive")
    if "requests" in params:
        raise TraceError(f"mix: part {number} ({workload}) sets requests", mend="set the mix's, and weights")
    return _Part(workload, params, float(weight))


def _shares(weights: list[float], total: int) -> np.ndarray:
    """`total` split in proportion to `weights`: rounded down, the largest remainders get one more."""
    exact = np.array(weights) / sum(weights) * total
    counts = exact.astype(np.int64)
    most = np.argsort(counts - exact, kind="stable")[: total - counts.sum()]
    counts[most] += 1
    return counts


def _stream(part: _Part, number: int, requests: int, seed: int) -> Trace:
    from . import find  # late: that module lists this one

    workload = find(part.workload)
    params = {"seed": seed} | part.params | {"requests": requests}
    return workload(**parameters.check(workload, f"mix: part {number} ({part.workload})", params))


def _check_alike(traces: list[Trace]) -> None:
    sizes = sorted({trace.page_tokens or 0 for trace in traces})
    if len(sizes) > 1:
        found = " and ".join(str(size or "none") for size in sizes)
        raise TraceError(f"mix: parts have different page_tokens ({found})", mend="mix like with like")


def _joined(traces: list[Trace], column: str) -> np.ndarray | None:
    """The column of all traces, end to end; None where one lacks it."""
    values = [getattr(trace, column) for trace in traces]
    return None if any(value is None for value in values) else np.concatenate(values)


def _disjoint(columns: list[np.ndarray]) -> np.ndarray:
    """Columns of small numbers end to end, each shifted beyond those before it; -1 stays."""
    shifted, room = [], 0
    for column in columns:
        shifted.append(np.where(column < 0, -1, column.astype(np.int64) + room))
        room += int(column.max()) + 1
    return np.concatenate(shifted)


def _interleaved(
    traces: list[Trace], take: np.ndarray, times: np.ndarray | None, client: np.ndarray | None, order: str
) -> Trace:
    """Requests `take` of the traces laid end to end; sessions are the `client`s where a trace has none."""
    counts = np.concatenate([np.diff(trace.offsets) for trace in traces])
    first = (np.cumsum(counts) - counts)[take]
    counts = counts[take]
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    keys = _disjoint([trace.pages.astype(np.int64) for trace in traces])[np.repeat(first, counts) + within]
    columns: dict[str, Any] = {}
    for name in ("prompt_tokens", "output_tokens"):
        joined = _joined(traces, name)
        columns[name] = None if joined is None else joined[take]
    if any(trace.intent is not None for trace in traces):
        intents = [np.full(t.n_requests, -1) if t.intent is None else t.intent for t in traces]
        columns["intent"] = _disjoint(intents)[take]
    if order != "phased":
        columns["tenant"] = np.repeat(np.arange(len(traces)), [trace.n_requests for trace in traces])[take]
    sessions = [trace.session for trace in traces if trace.session is not None]
    if len(sessions) == len(traces):
        client = _disjoint(sessions)[take]
    if all(trace.text_bytes is not None for trace in traces):
        texts = [text for trace in traces for text in trace.texts()]
        columns["texts"] = [texts[request] for request in take]
    one_each = all(trace.page_offsets is None for trace in traces)
    with TraceBuilder() as builder:
        builder.add(
            Batch(
                keys.astype(np.uint64),
                None if one_each else counts.astype(np.int32),
                arrival=times,
                session=client,
                **columns,
            )
        )
        return builder.finish("mix", page_tokens=traces[0].page_tokens)
