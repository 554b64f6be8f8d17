"""The rows of a run as a report speaks of them: by workload, as curves over capacity."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

from kvreplay.parameters import nearest
from kvreplay.simulator.experiment.store import INPUTS
from kvreplay.simulator.headroom import optimum, way
from kvreplay.simulator.replay.row import COLUMNS

from . import numbers
from .errors import ReportError

# The ratios a row has, as they are called in front of a person. In each of them higher is better.
METRICS = {
    "hit_ratio": "page hit ratio",
    "prefix_hit_ratio": "prefix hit ratio",
    "token_hit_ratio": "token hit ratio",
    "request_mean_hit_ratio": "request-mean hit ratio",
    "requests_hit_ratio": "share of requests fully hit",
    "byte_hit_ratio": "byte hit ratio",
    "cost_hit_ratio": "cost hit ratio",
}

Row = dict[str, Any]


class Point(NamedTuple):
    """One policy at one capacity, over its seeds."""

    capacity: int
    share: float  # of the footprint
    mean: float
    low: float  # over seeds; the 95 % interval of a page hit ratio that is estimated from samples
    high: float


@dataclass(frozen=True)
class Workload:
    """The rows of one trace in one reading: what a panel, a table and a paragraph of the report are about.

    A stack, a warm-up, a time to live, a cost model or a server is part of the names: with another one it is another
    workload.
    """

    trace: str
    reading: str
    unit: str  # what capacities count: pages or bytes
    rows: list[Row]  # of fixed capacities
    resized: list[Row]  # of capacities that moved
    name: str  # the trace, without its parameters where they tell it from no other

    @property
    def title(self) -> str:
        sized = self.unit == "bytes" and not any(map(divides_memory, self.resized))
        return f"{self.name}, {self.reading} pages" + (" by size in bytes" if sized else "")

    @property
    def whole(self) -> bool:
        """Whether all of the trace counts, and whatever was cached hits: neither a warm-up nor a time to live."""
        return not any(row["warmup"] or row["ttl"] is not None for row in self.rows)

    @property
    def is_sampled(self) -> bool:
        """Whether page hit ratios are estimated from samples of the pages."""
        return any(row["sample"] is not None for row in self.rows)

    @property
    def capacities(self) -> list[tuple[int, float]]:
        """(capacity, share of the footprint), in rising order."""
        return sorted({(row["capacity"], row["capacity_share"]) for row in self.rows})

    def curves(self, metric: str) -> dict[str, list[Point]]:
        """Per policy its points in order of capacity; policies from the highest mean to the lowest.

        Rows whose `metric` is null or not finite are left out.
        """
        found: dict[str, dict[tuple[int, float], list[Row]]] = defaultdict(lambda: defaultdict(list))
        for row in self.rows:
            if is_number(value(row, metric)):
                found[row["policy"]][row["capacity"], row["capacity_share"]].append(row)
        curves = {
            policy: [Point(*at, *spread(rows, metric)) for at, rows in sorted(by_capacity.items())]
            for policy, by_capacity in found.items()
        }
        order = sorted(curves, key=lambda p: (-sum(point.mean for point in curves[p]) / len(curves[p]), p))
        return {policy: curves[policy] for policy in order}

    def cells(self, policy: str, capacity: int) -> list[Row]:
        """The rows of one policy at one capacity: one per seed."""
        return [row for row in self.rows if row["policy"] == policy and row["capacity"] == capacity]

    def infinite(self, metric: str) -> float | None:
        """The page hit ratio of a cache that never evicts: every page but its first access hits. Else None.

        With prefix pages it is the same figure: what is in front of a page seen before was seen before, too.
        """
        known = {
            row["trace_hash"]: 1 - row["footprint"] / row["pages"]
            for row in self.rows
            if row["footprint"] and row["pages"] and not row["refused"]  # what is refused never reaches the pages
        }
        if not self._is_bounded(metric) or not known or self.rows[0]["stack"] is not None or self.is_sampled:
            return None  # behind a stack the footprint is not that of what reaches the pages, nor that of a sample
        return sum(known.values()) / len(known)

    def at(self, metric: str, capacity: int) -> dict[str, float]:
        """`metric` by policy at one capacity, the mean over seeds."""
        curves = self.curves(metric).items()
        return {policy: point.mean for policy, curve in curves for point in curve if point.capacity == capacity}

    def optimum(self, metric: str) -> dict[int, float]:
        """By capacity the offline optimum of `metric`, which no policy passes, where a policy that finds it ran."""
        if not self._is_bounded(metric):
            return {}
        found = {capacity: optimum(self.at(metric, capacity)) for capacity, _ in self.capacities}
        return {capacity: best for capacity, best in found.items() if best is not None}

    def way(self, metric: str, capacity: int) -> dict[str, float]:
        """By policy the share of the way from LRU to the offline optimum of `metric`; empty where it is not known."""
        return way(self.at(metric, capacity)) if self._is_bounded(metric) else {}

    def _is_bounded(self, metric: str) -> bool:
        """Whether `metric` counts page hits, of pages of one size, over the whole trace."""
        page_hits = metric == "hit_ratio" or (metric == "prefix_hit_ratio" and self.reading == "prefix")
        return page_hits and self.unit == "pages" and self.whole


def workloads(rows: pl.DataFrame, trace: str | None = None) -> list[Workload]:
    """The rows of a run by trace, settings, reading and unit of capacity, in their order; of `trace` only, if given.

    Raises ReportError where `trace` is not among them, or the rows lack a column.
    """
    missing = [name for name in (*INPUTS, *COLUMNS) if name not in rows.columns]
    if missing:
        raise ReportError(f"the table of rows has no column {missing[0]!r}; run the experiment again")
    ambiguous = _ambiguous(rows)
    grouped: dict[tuple[str, str, str, str], list[Row]] = defaultdict(list)
    for row in rows.iter_rows(named=True):
        # One name, but not one trace: other parameters, so that only the content tells them apart.
        name = f"{row['trace']} ({row['trace_hash'][:6]})" if row["trace"] in ambiguous else row["trace"]
        grouped[name, settings(row), row["reading"], row["capacity_unit"]].append(row)
    kinds = Counter(name.partition(":")[0] for name in {name for name, *_ in grouped})
    found = []
    short = _short_stacks({own[0]["stack"] for own in grouped.values()} - {None})
    for (name, setting, reading, unit), own in grouped.items():
        kind = name.partition(":")[0]
        brief = settings(own[0] | {"stack": short.get(own[0]["stack"])})
        if trace in (None, name, own[0]["trace"], kind):
            shown = kind if kinds[kind] == 1 else name
            own = _aligned(own)
            fixed, resized = ([row for row in own if (row["sizing"] is None) == is_fixed] for is_fixed in (True, False))
            found.append(Workload(name + setting, reading, unit, fixed, resized, shown + brief))
    if trace is not None and not found:
        raise ReportError(f"trace {trace!r} is not in the results; {nearest(trace, list(kinds))}")
    return found


def value(row: Row, metric: str) -> float | None:
    """`metric` of a row; of a sample, the page hit ratio that it tells of the whole trace."""
    return row["whole_hit_ratio"] if metric == "hit_ratio" and row["whole_hit_ratio"] is not None else row[metric]


def sampling_error(rows: Sequence[Row]) -> float | None:
    """The half width of the 95 % interval of the mean of page hit ratios estimated from `rows`, parts of one trace that
    share no page; None where they are no estimates. It is 0 where they make up the whole trace."""
    if any(row["half_width"] is None for row in rows):
        return None
    rate, parts = rows[0]["sample"] or 0.0, len({row["trace_hash"] for row in rows})
    squares = sum(row["half_width"] ** 2 for row in rows) / len(rows)
    unseen = max(1 - parts * rate, 0.0) / (1 - rate) if rate < 1 else 0.0  # of a finite population, against one part
    return math.sqrt(squares / parts * unseen)


def spread(rows: Sequence[Row], metric: str) -> tuple[float, float, float]:
    """The mean of `metric`, which all rows have, and its range over seeds, or the 95 % interval of an estimate."""
    values = [value(row, metric) or 0.0 for row in rows]
    mean = sum(values) / len(values)
    error = sampling_error(rows) if metric == "hit_ratio" else None
    return (mean, min(values), max(values)) if error is None else (mean, mean - error, mean + error)


def settings(row: Row) -> str:
    """What a row has of sample, stack, warm-up, time to live, cost model and server, as an addition to a name."""
    stack = f" behind {row['stack']}" if row["stack"] is not None else ""
    warmup = f", after a warm-up of {numbers.share(row['warmup'])}" if row["warmup"] else ""
    ttl = f", ttl {row['ttl']:g} s" if row["ttl"] is not None else ""
    sampled = ""
    if row["sample"] is not None:
        how = "in" if row["whole_hit_ratio"] is None else "estimated from"
        sampled = f", {how} samples of {numbers.share(row['sample'])}"
    cost = f", cost of {row['cost_model']}" if row["cost_model"] is not None else ""
    server = "" if row["clock"] is None else f", {row['clock']}" + (f": {row['serving']}" if row["serving"] else "")
    return sampled + stack + warmup + ttl + cost + server


def _short_stacks(stacks: set[str]) -> dict[str, str]:
    """Each of `stacks` without the parameters that tell it from no other that has the tier."""
    tiers = {stack: [tier.split(" ") for tier in stack.split(" > ")] for stack in stacks}
    alike: dict[str, set[str]] = {}
    for name, *parameters in (tier for own in tiers.values() for tier in own):
        alike[name] = alike.get(name, set(parameters)) & set(parameters)
    return {
        stack: " > ".join(" ".join([name, *(p for p in own if p not in alike[name])]) for name, *own in tiers[stack])
        for stack in stacks
    }


def about_pages(found: Iterable[Workload]) -> list[Workload]:
    """Those that compare anything of the pages: behind a stack or in a server, more than one policy or capacity. Else a
    study of many stacks or servers would be one of as many workloads."""
    return [
        workload
        for workload in found
        for rows in [[*workload.rows, *workload.resized]]
        if rows[0]["stack"] is rows[0]["clock"] is None
        or len({(row["policy"], row["capacity"], row["sizing"]) for row in rows}) > 1
    ]


def divides_memory(row: Row) -> bool:
    """Whether a budget of memory was divided among tiers and pages."""
    return row["parts"] is not None and "pages" in json.loads(row["parts"])


def policies(found: Iterable[Workload]) -> list[str]:
    """Every policy that ran, in the order of the rows."""
    return list(dict.fromkeys(row["policy"] for workload in found for row in workload.rows))


def _ambiguous(rows: pl.DataFrame) -> set[str]:
    """Names that stand for several traces under one seed."""
    contents = rows.group_by("trace", "trace_seed").agg(pl.col("trace_hash").n_unique())
    return set(contents.filter(pl.col("trace_hash") > 1)["trace"])


def _aligned(rows: list[Row]) -> list[Row]:
    """`rows` with a `footprint`, and with one capacity where 10 % came to a few pages more with another seed's trace.

    The capacities on every other trace are replaced by those on the first, rank by rank, where there are as many.
    """
    sizes: dict[str, dict[int, float]] = defaultdict(dict)
    for row in rows:
        sizes[row["trace_hash"]][row["capacity"]] = row["capacity_share"]
    first, *_ = ranked = [sorted(each.items()) for each in sizes.values()]
    same = {}
    if all(len(each) == len(first) for each in ranked):
        same = {
            (content, capacity): first[rank]
            for content, each in zip(sizes, ranked, strict=True)
            for rank, (capacity, _) in enumerate(each)
        }
    aligned = []
    for row in rows:
        footprint = round(row["capacity"] / row["capacity_share"]) if row["capacity_share"] else None
        capacity, share = same.get((row["trace_hash"], row["capacity"]), (row["capacity"], row["capacity_share"]))
        aligned.append(row | {"footprint": footprint, "capacity": capacity, "capacity_share": share})
    return aligned


def check_metric(name: str) -> str:
    """`name`, where it is one of METRICS. Raises ReportError with the nearest one."""
    if name not in METRICS:
        raise ReportError(f"metric {name!r} is unknown; {nearest(name, list(METRICS))}")
    return name


def is_number(value: Any) -> bool:
    """Whether `value` is a figure: neither null nor NaN nor infinite."""
    return value is not None and math.isfinite(value)
