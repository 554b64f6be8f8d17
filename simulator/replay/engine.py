"""Replays one cell (trace x policy x capacity x reading x seed) and counts what came of it: one row."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kvreplay.parameters import nearest
from kvreplay.policies import Policy, PolicyError, get
from kvreplay.simulator.caches import sizing as sizings
from kvreplay.simulator.caches import stack as stacks
from kvreplay.simulator.caches.division import Division, make_divider
from kvreplay.simulator.caches.front import Front, front
from kvreplay.simulator.caches.sizing import Sizing, check_resizable
from kvreplay.simulator.serving.model import models
from kvreplay.traces.errors import TraceError
from kvreplay.traces.stream import Stream
from kvreplay.traces.trace import Trace

from . import loops, row
from .capacity import Capacity, CapacityError, Size, parse_capacity
from .cell import Cell
from .counting import count_misses, count_requests, count_weights
from .part import FEWEST_PAGES, Part, check_policy, of_whole
from .partition import Partition
from .prefill import page_flops
from .tiered import Tiered
from .trial import rehearse, try_out

READINGS = ("independent", "prefix")


@dataclass(frozen=True, repr=False)
class Result:
    """What one cell came to."""

    row: dict[str, Any]  # row.COLUMNS: the same on every machine
    timings: dict[str, float]  # of row.TIMINGS those of what ran: measured

    def __repr__(self) -> str:
        return (
            f"Result({self.row['trace']}, {self.row['policy']}, {self.row['capacity']} {self.row['capacity_unit']}, "
            f"page hit ratio {self.row['hit_ratio']:.4f})"
        )


def replay(
    trace: Trace,
    policy: Any,
    capacity: str | int | Capacity,
    *,
    reading: str = "independent",
    seed: int = 0,
    windows: int = 100,
    bytes_per_token: int | None = None,
    warmup: float = 0,
    ttl: float | None = None,
    cost_model: str | None = None,
    sizing: str | Sizing | None = None,
    stack: Any = (),
    compiled: bool = True,
) -> Result:
    """Replay `trace` against `policy` (anything that `policies.get` takes) in a cache of `capacity`.

    `reading` says what a page is: ``independent`` takes every page for itself; ``prefix`` counts only the contiguous
    cached prefix of each request as hits, and lets a page leave only after the pages behind it. `windows` is the
    number of points in the time series. `bytes_per_token` models memory where the trace has no sizes. `warmup` is the
    share of the requests, from 0 to below 1, that only fills the cache: the row counts what comes after them.
    `ttl` is how many seconds an entry is good for since it was inserted or renewed; see `expiry`. `cost_model`, one of
    `serving.models`, says whose prefill operations the pages of a prefix trace cost; without it the trace's own costs
    count, if it has any. `sizing`, what `caches.sizing.get` takes, moves the capacity with what is observed; `capacity`
    is that at the start, or the budget that is divided: among tenants, or, in bytes and with a `stack`, among its tiers
    and the pages. `stack` lists the caches of whole answers that stand in front, as
    ``["exact", {"semantic": {"threshold": 0.9}}]``: only what they do not answer reaches the pages, and is counted by
    the columns that do not say otherwise. `compiled=False` runs the same source as plain Python, 100 times slower, for
    debugging a policy.

    Raises TraceError where the trace does not fit the reading or stack, CapacityError, PolicyError, SizingError, and
    CacheError.
    """
    policy, sizing = get(policy), None if sizing is None else sizings.get(sizing)
    size = fit(
        trace,
        policy,
        capacity,
        reading=reading,
        bytes_per_token=bytes_per_token,
        warmup=warmup,
        ttl=ttl,
        cost_model=cost_model,
        sizing=sizing,
        stack=(stack := stacks.parse(stack)),
    )
    part = trace if isinstance(trace, Part) else None
    trace = trace if part is None else part.drawn()
    warmed_up = int(warmup * trace.n_requests)
    division = None
    if divides_memory(trace, size):
        assert sizing is not None
        division = Division(trace, stack, sizing, size.amount, _page_bytes(trace, bytes_per_token), seed=seed)
    before = front(trace, stack, warmed_up, seed, division) if stack.tiers else Front(trace, warmed_up, {}, {})
    settings = (reading, seed, ttl, cost_model, sizing, compiled)
    cell = prepare(before.rest, policy, size, *settings, division=division, warmup=warmed_up)
    cell.warm_up(before.warmed_up)
    misses = None if part is None else np.zeros(trace.n_pages, np.int64)
    counts = count(cell, max(min(windows, before.rest.n_requests - cell.warmed_up), 1), misses=misses)
    inputs = {
        "seed": seed,
        "warmup": float(warmup),
        "ttl": None if ttl is None else float(ttl),
        "cost_model": cost_model,
        "sizing": None if sizing is None else sizing.label,
        "clock": None,
        "serving": None,
    }
    values = _row(cell, size, inputs, counts, bytes_per_token) | {"trace_hash": trace.content_hash}
    values |= front_columns(before.figures, values) | dict.fromkeys((*row.SERVER, *row.SERVED))
    if part is not None and misses is not None:
        values["sample"] = part.rate
        if not warmup and sizing is None:
            assert isinstance(cell, Cell)
            slope = _slope(cell, size, 1 - part.rate, int(misses.sum()), settings)
            estimate = of_whole(part, misses, cell.cached, slope)
            values |= {"whole_hit_ratio": estimate.hit_ratio, "half_width": estimate.half_width}
    assert list(values) == list(row.COLUMNS)
    return Result(values, counts.timings() | before.timings)


def _slope(cell: Cell, size: Size, unseen: float, misses: int, settings: tuple[Any, ...]) -> float:
    """How many misses more there are for each page that the cache is smaller.

    Looked for as far off as the pages that are cached at a time vary in number from sample to sample.
    """
    deviation = math.sqrt(size.amount * unseen * (1 - size.share))
    fewer = max(round(size.amount - deviation), 1)
    if fewer == size.amount:
        return 0.0
    smaller = count(prepare(cell.trace, cell.policy, size._replace(amount=fewer), *settings), 1)
    return (int(smaller.pages.sum() - smaller.hits.sum()) - misses) / (size.amount - fewer)


def prepare(
    trace: Trace,
    policy: Policy,
    size: Size,
    reading: str,
    seed: int,
    ttl: float | None,
    cost_model: str | None,
    sizing: Sizing | None,
    compiled: bool = True,
    *,
    division: Division | None = None,
    warmup: int = 0,
) -> Cell | Partition | Tiered:
    """The cell of a replay of these arguments before its first access; a policy from outside was tried out.

    `division` is what the requests of `trace` were left by, where its budget is divided among tiers and pages, and
    `warmup` that of all requests.
    """
    try_out(policy)
    costs = trace.page_cost if cost_model is None else page_flops(trace, cost_model)
    sized = size.unit == "bytes" and division is None
    options: dict[str, Any] = {"sized": sized, "seed": seed, "page_cost": costs}
    if compiled:
        rehearse(trace, policy, size.amount if division is None else division.pages[0][1], reading, **options)
    options |= {"ttl": ttl, "compiled": compiled}
    if division is not None:
        return Tiered(trace, policy, division, warmup, reading, **options)
    if sizing is not None and sizing.divides:
        return Partition(trace, policy, size.amount, reading, sizing=sizing, **options)
    weights = trace.page_bytes if size.unit == "bytes" else None
    controller = None if sizing is None else sizing.start(size.amount, weights)
    return Cell(trace, policy, size.amount, reading, controller=controller, **options)


def fit(
    trace: Trace,
    policy: Policy,
    capacity: str | int | Capacity,
    *,
    reading: str,
    bytes_per_token: int | None = None,
    warmup: float = 0,
    ttl: float | None = None,
    cost_model: str | None = None,
    sizing: str | Sizing | None = None,
    stack: Any = (),
) -> Size:
    """What `capacity` comes to on `trace`, without replaying it; the arguments are those of `replay`.

    Raises TraceError, CapacityError, PolicyError, SizingError or ValueError where they do not go together.
    """
    if reading not in READINGS:
        raise ValueError(f"reading {reading!r} is unknown; use {' or '.join(READINGS)}")
    if not 0 <= warmup < 1:
        raise ValueError(f"warmup {warmup}: is no share of the requests; use 0 or more, below 1")
    if ttl is not None and not 0 < ttl < math.inf:
        raise ValueError(f"ttl {ttl}: is no time to live; use seconds above 0")
    if not trace.has_pages:
        raise TraceError(
            f"{trace.name} carries lengths but no page identity",
            mend="read it with a synthesis of pages (--option synthesis=zipf-prefix), or use another trace",
        )
    if reading == "prefix" and trace.parent is None:
        raise TraceError(f"the pages of {trace.name} do not form prefixes", mend="use the independent reading")
    if policy.hooks.reading not in (None, reading):
        needed = policy.hooks.reading
        raise PolicyError(
            f"policy {policy.label} works in the {needed} reading only; set reading: {needed} (--pages {needed})"
        )
    if policy.needs & {"future", "requests"} and isinstance(trace, Stream):
        raise TraceError(
            f"{trace.name} is generated as it is replayed, and policy {policy.label} looks at all of it",
            mend="use another trace or policy",
        )
    if "parent" in policy.needs and trace.parent is None:
        raise PolicyError(
            f"policy {policy.label} needs pages that form prefixes; {trace.name} has none, use another trace or policy"
        )
    if ttl is not None and trace.arrival is None:
        raise TraceError(f"ttl: {trace.name} has no arrival times", mend="use a trace with them, or leave ttl out")
    if cost_model is not None:
        _check_cost_model(trace, cost_model)
    if sizing is not None:
        check_resizable(policy)
        sizing = sizings.get(sizing)
    (stack := stacks.parse(stack)).fit(trace)
    capacity = capacity if isinstance(capacity, Capacity) else parse_capacity(capacity)
    size = capacity.on(trace, bytes_per_token)
    if sizing is not None and sizing.divides:
        if stack.tiers and capacity.unit == "bytes" and size.unit == "pages":
            budget, page_bytes = int(capacity.value), _page_bytes(trace, bytes_per_token)
            make_divider(trace, stack, sizing, budget, page_bytes)
            return Size(budget, "bytes", budget / (trace.n_pages * page_bytes))
        if trace.tenant is None:
            raise TraceError(
                f"sizing {sizing.label}: {trace.name} has no tenants to divide among",
                mend="use a trace with them, or divide a capacity in bytes among the tiers of a stack",
            )
    if isinstance(trace, Part):
        check_policy(policy)
        if size.amount < FEWEST_PAGES:
            what = f"capacity {capacity.text}: comes to {size.amount} pages of a sample of {trace.rate:g}"
            raise CapacityError(f"{what}, which tell nothing of the whole; make it {FEWEST_PAGES}, or raise the rate")
    if size.unit == "bytes" and not policy.hooks.sized:
        raise PolicyError(
            f"policy {policy.label} counts in pages of one size; give the capacity of {trace.name} in pages"
        )
    if policy.hooks.sized_only and size.unit != "bytes":
        raise PolicyError(
            f"policy {policy.label} judges pages by their size, and here all count as one; use a trace with sizes and "
            "a capacity in bytes or %, or another admission filter"
        )
    if size.unit == "bytes" and reading == "prefix":
        raise TraceError(f"the prefix reading of {trace.name} counts in pages", mend="give the capacity in pages")
    return size


def _check_cost_model(trace: Trace, model: str) -> None:
    if model not in models():
        raise ValueError(f"unknown cost model {model!r}, {nearest(model, list(models()))}")
    if trace.page_cost is not None:
        raise TraceError(f"{trace.name} says itself what its pages cost", mend="leave cost_model out")
    if trace.parent is None or trace.page_tokens is None:
        what = f"cost model {model}: the pages of {trace.name} are not prefixes of tokens, whose prefill it models"
        raise TraceError(what, mend="leave cost_model out")


def divides_memory(trace: Trace, size: Size) -> bool:
    """Whether `size`, as `fit` tells it, is a budget that the tiers in front of the pages share with them."""
    return size.unit == "bytes" and trace.page_bytes is None


def _page_bytes(trace: Trace, bytes_per_token: int | None) -> int:
    """What a page takes, modelled; `fit` refuses a budget where either is unknown."""
    return (trace.page_tokens or 0) * (bytes_per_token or 0)


class Counts:
    """What a replay comes to: per window where the rows carry a series, in all where they do not."""

    def __init__(self, windows: int) -> None:
        self.pages, self.hits, self.prefix_hits, self.tokens, self.tokens_saved = np.zeros((5, windows), np.int64)
        self.capacity = np.zeros(windows, np.int64)  # at the end of each
        self.capacity_sum = 0  # over requests
        self.requests_hit = self.bytes = self.byte_hits = 0
        self.ratios = self.cost = self.cost_hits = 0.0
        self.wall = self.cpu = 0.0

    def timings(self) -> dict[str, float]:
        speed = int(self.pages.sum()) / self.cpu if self.cpu else float("nan")
        return {"wall_seconds": self.wall, "cpu_seconds": self.cpu, "pages_per_second": speed}


def count(
    cell: Cell | Partition | Tiered, windows: int, seconds: float = math.inf, misses: np.ndarray | None = None
) -> Counts:
    """Replay and count, but stop once `seconds` of CPU time have gone by.

    `misses`, (n_pages,) int64, is told how often each page was missed.
    """
    trace = cell.trace
    counts = Counts(windows)
    page_tokens = trace.page_tokens or 0
    prompt_tokens = trace.prompt_tokens if trace.prompt_tokens is not None else np.empty(0, np.int32)
    # The clocks below see only the replay.
    cell.compile()
    wall, cpu = time.perf_counter(), time.thread_time()
    for window, start, stop, hit in cell.chunks(windows):
        hits = int(np.count_nonzero(hit.view(np.bool_)))  # several times as fast as of bytes
        if trace.page_offsets is None and trace.prompt_tokens is None:
            # A page a request: hits count for everything, and there is no need to look at each.
            prefix_hits, tokens_saved, requests_hit, ratios = hits, hits * page_tokens, hits, float(hits)
        else:
            prefix_hits, tokens_saved, requests_hit, ratios = count_requests(
                hit, trace.offsets, start, stop, prompt_tokens, page_tokens
            )
        counts.capacity[window] = cell.capacity
        counts.capacity_sum += cell.capacity * (stop - start)
        counts.pages[window] += len(hit)
        counts.hits[window] += hits
        counts.prefix_hits[window] += prefix_hits
        prompts = prompt_tokens[start:stop]
        counts.tokens[window] += prompts.sum(dtype=np.int64) if len(prompts) else len(hit) * page_tokens
        counts.tokens_saved[window] += tokens_saved
        counts.requests_hit += requests_hit
        counts.ratios += ratios
        first, last = trace.bounds[start], trace.bounds[stop]
        if trace.access_bytes is not None:
            sizes = trace.access_bytes[first:last]
            counts.bytes += int(sizes.sum())
            counts.byte_hits += int(sizes[hit != 0].sum())
        elif trace.page_bytes is not None:
            total, weight_hit = count_weights(hit, trace.pages, first, last, trace.page_bytes)
            counts.bytes += total
            counts.byte_hits += weight_hit
        if misses is not None:
            count_misses(hit, trace.read(first, last), misses)
        if cell.page_cost is not None:
            total, weight_hit = count_weights(hit, trace.pages, first, last, cell.page_cost)
            counts.cost += total
            counts.cost_hits += weight_hit
        if seconds < math.inf and time.thread_time() - cpu > seconds:  # a look at this clock takes a microsecond
            break
    counts.wall, counts.cpu = time.perf_counter() - wall, time.thread_time() - cpu
    return counts


def _row(
    cell: Cell | Partition | Tiered, size: Size, inputs: dict[str, Any], counts: Counts, bytes_per_token: int | None
) -> dict[str, Any]:
    trace, tally = cell.trace, cell.tally
    requests = trace.n_requests - cell.warmed_up
    pages, hits, prefix_hits = int(counts.pages.sum()), int(counts.hits.sum()), int(counts.prefix_hits.sum())
    has_tokens = trace.page_tokens is not None
    tokens, saved = int(counts.tokens.sum()), int(counts.tokens_saved.sum())
    has_bytes, has_costs = trace.page_bytes is not None, cell.page_cost is not None
    peak = int(tally[loops.PEAK])
    peak_bytes = peak if cell.sized else None
    if trace.page_tokens is not None and bytes_per_token is not None:
        peak_bytes = peak * trace.page_tokens * bytes_per_token
    return {
        "trace": trace.name,
        "policy": cell.policy.label,
        "reading": cell.reading,
        "capacity": size.amount,
        "capacity_unit": size.unit,
        "capacity_share": size.share,
        **inputs,
        "requests": requests,
        "pages": pages,
        "hits": hits,
        "hit_ratio": hits / pages if pages else None,
        **dict.fromkeys(("sample", "whole_hit_ratio", "half_width")),
        "prefix_hits": prefix_hits,
        "prefix_hit_ratio": prefix_hits / pages if pages else None,
        "tokens": tokens if has_tokens else None,
        "tokens_saved": saved if has_tokens else None,
        "token_hit_ratio": saved / tokens if has_tokens and tokens else None,
        "request_mean_hit_ratio": counts.ratios / requests if requests else None,
        "requests_hit": int(counts.requests_hit),
        "requests_hit_ratio": counts.requests_hit / requests if requests else None,
        "bytes": int(counts.bytes) if has_bytes else None,
        "byte_hits": int(counts.byte_hits) if has_bytes else None,
        "byte_hit_ratio": counts.byte_hits / counts.bytes if counts.bytes else None,
        "cost": counts.cost if has_costs else None,
        "cost_hits": counts.cost_hits if has_costs else None,
        "cost_hit_ratio": counts.cost_hits / counts.cost if counts.cost else None,
        "evictions": int(tally[loops.EVICTIONS]),
        "rejections": int(tally[loops.REJECTIONS]),
        "peak_pages": None if cell.sized else peak,
        "peak_bytes": peak_bytes,
        "mean_capacity": counts.capacity_sum / requests if requests else None,
        "final_capacity": cell.capacity,
        "resizes": cell.resizes.changes,
        "reversals": cell.resizes.reversals,
        "series_pages": counts.pages.tolist(),
        "series_hits": counts.hits.tolist(),
        "series_prefix_hits": counts.prefix_hits.tolist(),
        "series_tokens": counts.tokens.tolist() if has_tokens else None,
        "series_tokens_saved": counts.tokens_saved.tolist() if has_tokens else None,
        "series_capacity": counts.capacity.tolist(),
        "parts": _parts(cell, counts),
        "policy_stats": _stats(cell),
        "trace_hash": None,  # that of the whole trace, which the cell may not know
        "policy_fingerprint": cell.policy.fingerprint,
    }


def _parts(cell: Cell | Partition | Tiered, counts: Counts) -> str | None:
    if isinstance(cell, Cell):
        return None
    return json.dumps(cell.told if isinstance(cell, Partition) else cell.told(counts.tokens_saved))


def front_columns(figures: Mapping[str, Any], pages: Mapping[str, Any]) -> dict[str, Any]:
    """The columns row.FRONT from `caches.front`'s figures; `pages` are those of the pages."""
    columns = {name: figures.get(name) for name in row.FRONT}
    answered = columns["prompt_tokens_answered"]
    if answered is not None and pages["tokens"] is not None and answered + pages["tokens"]:
        columns["tokens_spared_ratio"] = (answered + pages["tokens_saved"]) / (answered + pages["tokens"])
    return columns


def _stats(cell: Cell | Partition | Tiered) -> str:
    """What the policy counted of itself, as a JSON object; by tenant, where each has a cache."""
    hooks = cell.policy.hooks
    if hooks.stats is None:
        return "{}"
    try:
        if isinstance(cell, Partition):
            told = {str(tenant): hooks.stats(own.state) for tenant, own in zip(cell.tenants, cell.cells, strict=True)}
        else:
            told = dict(hooks.stats(cell.state))
        return json.dumps(told, default=lambda value: value.tolist())
    except Exception as error:
        what = "stats() must return a dictionary of JSON values"
        raise PolicyError(f"{hooks.blame(error)}{what}: {type(error).__name__}: {error}") from error
