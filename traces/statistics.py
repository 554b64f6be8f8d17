"""What a person wants to know first about a trace, as numbers. How they are shown is elsewhere."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import reuse
from .decay import Decay, decay
from .distribution import Distribution
from .errors import TraceError
from .prefix_tree import PrefixTree, prefix_tree
from .trace import Trace
from .working_set import WorkingSets, usual_windows, working_sets


@dataclass(frozen=True)
class Arrivals:
    """When requests come."""

    duration_seconds: float  # first arrival to last
    distinct_times: int  # fewer than requests where the clock is coarse or requests come together
    requests_per_second: float | None  # None: all at once
    interarrival_cv: float | None  # standard deviation / mean of the gaps: 1 for Poisson, more is burstier
    peak_to_mean: float | None  # busiest of WINDOWS equal windows of time
    per_window: np.ndarray  # (WINDOWS,) int64: requests in each window


WINDOWS = 100


@dataclass(frozen=True)
class Popularity:
    """How unequally pages are asked for."""

    one_hit_wonders: float  # share of the distinct pages that are accessed exactly once
    zipf_exponent: float | None  # s in frequency ~ rank**-s; None for a single page
    zipf_distance: float | None  # Kolmogorov-Smirnov distance between fit and trace; 0 is a perfect fit
    frequencies: np.ndarray  # (n_pages,) int64: accesses of each page, most popular first


@dataclass(frozen=True)
class Reuse:
    """How soon pages come back."""

    distance: Distribution | None  # distinct other pages since the last access; None: nothing is reused
    seconds: Distribution | None  # None also without arrival times
    distance_counts: np.ndarray  # (n_pages,) int64: accesses with each distance
    times: np.ndarray  # (reuses,) float64: seconds, or empty without arrival times


@dataclass(frozen=True)
class HitRatios:
    """What a cache of unlimited size hits, by each of the definitions in use."""

    page_hit_ratio: float  # page accesses whose page was seen before / page accesses
    prefix_hit_ratio: float  # page accesses before the first miss of their request / page accesses
    token_hit_ratio: float | None  # prompt tokens covered by the prefix hits / prompt tokens; None without tokens
    request_mean_hit_ratio: float  # mean over requests of prefix hits / pages of the request
    byte_hit_ratio: float | None  # bytes of page hits / bytes accessed; None without object sizes

    def known(self) -> dict[str, float]:
        """The ratios that the trace allows, by the name of their definition."""
        ratios = {
            "page": self.page_hit_ratio,
            "prefix": self.prefix_hit_ratio,
            "token": self.token_hit_ratio,
            "request-mean": self.request_mean_hit_ratio,
            "byte": self.byte_hit_ratio,
        }
        return {name: ratio for name, ratio in ratios.items() if ratio is not None}


@dataclass(frozen=True)
class Summary:
    """A trace in numbers. None says that the trace does not carry what it would take to know."""

    trace: Trace
    requests: int
    sessions: int | None
    intents: int | None
    arrivals: Arrivals | None
    prompt_tokens: Distribution | None
    output_tokens: Distribution | None
    page_accesses: int | None
    distinct_pages: int | None
    page_tokens: int | None
    footprint_tokens: int | None  # distinct pages in full: what a paged cache must hold to never evict
    footprint_bytes: int | None  # object sizes; or modelled from bytes per token
    pages_per_request: Distribution | None
    prefix_tree: bool | None  # whether every page follows one page only
    tree: PrefixTree | None  # None where it is not so
    popularity: Popularity | None
    reuse: Reuse | None
    working_sets: WorkingSets | None
    decay: Decay | None  # None also where no page is accessed twice
    unlimited_cache: HitRatios | None

    def as_dict(self) -> dict[str, Any]:
        """The numbers as JSON values, without the trace and the arrays behind the curves."""
        described = {"name": self.trace.name, "content_hash": self.trace.content_hash, **self.trace.meta}
        return {"trace": described, **_plain(self)}


def summarise(trace: Trace, bytes_per_token: int | None = None) -> Summary:
    """Everything that `trace` has to say about itself.

    `bytes_per_token` models the footprint in bytes where the trace has no object sizes. Raises TraceError
    where that takes a page size in tokens and the trace has none.
    """
    known = trace.has_pages
    footprint_tokens = trace.n_pages * trace.page_tokens if known and trace.page_tokens else None
    footprint_bytes = None if trace.page_bytes is None else int(trace.page_bytes.sum())
    if bytes_per_token is not None and footprint_bytes is None:
        if footprint_tokens is None:
            raise TraceError(f"{trace.name} has no pages of a known size in tokens", mend="leave bytes per token out")
        footprint_bytes = footprint_tokens * bytes_per_token
    return Summary(
        trace=trace,
        requests=trace.n_requests,
        sessions=_distinct(trace.session),
        intents=_distinct(trace.intent),
        arrivals=None if trace.arrival is None else arrivals(trace.arrival),
        prompt_tokens=Distribution.of(trace.prompt_tokens),
        output_tokens=Distribution.of(trace.output_tokens),
        page_accesses=trace.n_accesses if known else None,
        distinct_pages=trace.n_pages if known else None,
        page_tokens=trace.page_tokens if known else None,
        footprint_tokens=footprint_tokens,
        footprint_bytes=footprint_bytes,
        pages_per_request=Distribution.of(np.diff(trace.offsets)) if known else None,
        prefix_tree=trace.parent is not None if known and trace.page_offsets is not None else None,
        tree=prefix_tree(trace),
        popularity=popularity(trace) if known else None,
        reuse=_reuse(trace) if known else None,
        working_sets=working_sets(trace, usual_windows(trace)) if known else None,
        decay=decay(trace) if known else None,
        unlimited_cache=_hit_ratios(trace) if known else None,
    )


def arrivals(times: np.ndarray) -> Arrivals:
    """Rate and burstiness of arrival `times`, (R,) float64 seconds that never decrease."""
    gaps = np.diff(times)
    duration = float(times[-1] - times[0])
    per_window = np.histogram(times, WINDOWS)[0] if duration else np.zeros(WINDOWS, np.int64)
    return Arrivals(
        duration_seconds=duration,
        distinct_times=1 + int(np.count_nonzero(gaps)),
        requests_per_second=len(gaps) / duration if duration else None,
        interarrival_cv=float(gaps.std() / gaps.mean()) if duration else None,
        peak_to_mean=float(per_window.max() / per_window.mean()) if duration else None,
        per_window=per_window,
    )


def popularity(trace: Trace) -> Popularity:
    """How often each page is accessed, and the Zipf law that fits it best."""
    frequencies = np.sort(np.bincount(trace.pages, minlength=trace.n_pages))[::-1]
    exponent = zipf_exponent(frequencies)
    distance = None
    if exponent is not None:
        fitted = np.cumsum(np.arange(1, len(frequencies) + 1) ** -exponent)
        distance = float(np.abs(fitted / fitted[-1] - np.cumsum(frequencies) / frequencies.sum()).max())
    return Popularity(float(np.mean(frequencies == 1)), exponent, distance, frequencies)


def zipf_exponent(frequencies: np.ndarray) -> float | None:
    """The exponent s of the Zipf law, frequency ~ rank**-s, that makes `frequencies` most likely.

    `frequencies` are accesses per page, most popular page first. Maximum likelihood over the ranks 1 .. n
    that occur: the s at which the expected log rank equals the observed one (Bauke, "Parameter estimation for
    power-law distributions by maximum likelihood methods", European Physical Journal B 58, 2007, for a finite
    range). On samples of a Zipf law it errs less than a straight line through the log-log plot, which gives
    the many pages seen once the same weight as the few that matter. None for fewer than two pages.
    """
    if len(frequencies) < 2:
        return None
    log_rank = np.log(np.arange(1, len(frequencies) + 1))
    observed = float(log_rank @ frequencies / frequencies.sum())
    exponent = 1.0
    for _ in range(200):
        weights = np.exp(-exponent * log_rank)
        weights /= weights.sum()
        expected = float(log_rank @ weights)
        variance = float((log_rank - expected) ** 2 @ weights)
        # Newton's step, shortened where the tail is so thin that it would overshoot.
        step = min(max((expected - observed) / variance, -1.0), 1.0)
        exponent += step
        if abs(step) < 1e-10:
            break
    return exponent


def _reuse(trace: Trace) -> Reuse:
    counts = reuse.distance_counts(trace)
    times = reuse.reuse_times(trace) if trace.arrival is not None else np.empty(0)
    return Reuse(Distribution.of_counts(counts), Distribution.of(times), counts, times)


def _hit_ratios(trace: Trace) -> HitRatios:
    hits = reuse.unlimited_cache(trace)
    tokens = None
    if trace.page_tokens is not None:
        prompts = trace.prompt_tokens
        tokens = trace.n_accesses * trace.page_tokens if prompts is None else int(prompts.sum(dtype=np.int64))
    byte_hit_ratio = None
    if trace.page_bytes is not None:
        accessed, missed = _bytes_of_unlimited_cache(trace, trace.page_bytes)
        byte_hit_ratio = 1 - missed / accessed if accessed else None
    return HitRatios(
        page_hit_ratio=hits.page_hits / trace.n_accesses,
        prefix_hit_ratio=hits.prefix_hits / trace.n_accesses,
        token_hit_ratio=hits.tokens_saved / tokens if tokens else None,
        request_mean_hit_ratio=hits.ratio_sum / trace.n_requests,
        byte_hit_ratio=byte_hit_ratio,
    )


def _bytes_of_unlimited_cache(trace: Trace, page_bytes: np.ndarray) -> tuple[int, int]:
    """Bytes accessed, and bytes missed: those of every object's first access, and of each one after it changed size."""
    if trace.access_bytes is None:
        return int(page_bytes @ np.bincount(trace.pages, minlength=trace.n_pages)), int(page_bytes.sum())
    order = np.argsort(trace.pages, kind="stable")
    pages, sizes = trace.pages[order], trace.access_bytes[order]
    again = (pages[1:] == pages[:-1]) & (sizes[1:] == sizes[:-1])
    return int(sizes.sum()), int(sizes.sum() - sizes[1:][again].sum())


def _distinct(labels: np.ndarray | None) -> int | None:
    return None if labels is None else len(np.unique(labels[labels >= 0]))


def _plain(value: Any) -> Any:
    """`value` as JSON has it: records as mappings, without traces and arrays."""
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if not dataclasses.is_dataclass(value):
        return value
    values = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return {name: _plain(each) for name, each in values.items() if not isinstance(each, np.ndarray | Trace)}
