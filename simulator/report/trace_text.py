"""A trace's summary as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from kvreplay.traces.distribution import Distribution
from kvreplay.traces.prefix_tree import PrefixTree
from kvreplay.traces.statistics import WINDOWS, Arrivals, Summary

from .numbers import memory

_TREES = {
    True: "form a tree: each page follows one page only",
    False: "form no tree: some page follows different pages, so only the independent reading fits",
    None: "none: one page per request",
}
_NO_PAGES = (
    "none: the trace carries times and lengths only. What its requests share cannot be known,",
    "and so neither can footprint, popularity, reuse and hit ratios",
)


def describe(summary: Summary) -> str:
    """A label and what is known, a line each; what the trace cannot tell is said to be unknown."""
    return "\n".join(f"{label and label + ':':19}{text}" for label, text in _rows(summary))


def time_unit(seconds: float) -> tuple[str, int]:
    """A unit of time that `seconds` is at least twice, and its length in seconds."""
    units = (("days", 86400), ("hours", 3600), ("minutes", 60))
    return next((unit for unit in units if seconds >= 2 * unit[1]), ("seconds", 1))


def _rows(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "trace", summary.trace.name
    for key in ("source", "licence"):
        if key in summary.trace.meta:
            yield key, str(summary.trace.meta[key])
    for note in summary.trace.meta.get("notes", ()):
        yield "note", note
    yield "requests", f"{summary.requests:,}"
    if summary.sessions:
        yield "sessions", f"{summary.sessions:,}"
    if summary.intents:
        yield "intents", f"{summary.intents:,}"
    if summary.arrivals is None:
        yield "arrivals", "unknown: no times, the order alone"
    else:
        yield from _arrival_rows(summary.arrivals, summary.requests)
    yield "prompt tokens", _spread(summary.prompt_tokens)
    yield "output tokens", _spread(summary.output_tokens)
    if summary.trace.has_pages:
        yield from _page_rows(summary)
        yield from _reuse_rows(summary)
    else:
        yield "pages", _NO_PAGES[0]
        yield "", _NO_PAGES[1]


def _arrival_rows(arrivals: Arrivals, requests: int) -> Iterator[tuple[str, str]]:
    unit, length = time_unit(arrivals.duration_seconds)
    yield "duration", f"{arrivals.duration_seconds / length:,.1f} {unit}"
    if arrivals.requests_per_second is None:
        yield "arrival rate", "unknown: all requests come at the same time"
        return
    peak = f"{arrivals.peak_to_mean:.2f} x that in the busiest 1/{WINDOWS} of the time"
    yield "arrival rate", f"{arrivals.requests_per_second:,.3g} requests/s; {peak}"
    ties = f"; only {arrivals.distinct_times:,} distinct times" if arrivals.distinct_times < requests else ""
    yield "burstiness", f"CV of the gaps {arrivals.interarrival_cv:.2f} (Poisson: 1){ties}"


def _page_rows(summary: Summary) -> Iterator[tuple[str, str]]:
    footprint = f"{summary.distinct_pages:,} pages"
    if summary.footprint_tokens is not None:
        footprint += f", {summary.footprint_tokens:,} tokens"
    if summary.footprint_bytes is not None:
        footprint += f", {memory(summary.footprint_bytes)}"
    elif summary.footprint_tokens is not None:
        footprint += ", bytes unknown: give --bytes-per-token"
    yield "page size", "objects" if summary.page_tokens is None else f"{summary.page_tokens:,} tokens"
    yield "page accesses", f"{summary.page_accesses:,}"
    yield "footprint", footprint
    if summary.prefix_tree is not None:
        yield "pages per request", _spread(summary.pages_per_request)
    yield "prefixes", _TREES[summary.prefix_tree]
    if summary.tree is not None:
        yield from _tree_rows(summary.tree)


def _tree_rows(tree: PrefixTree) -> Iterator[tuple[str, str]]:
    yield "depth of pages", _spread(tree.depth)
    several = "" if tree.fan_out is None else f": {_spread(tree.fan_out)}"
    yield "fan-out", f"{tree.leaves:.1%} of the pages have none behind them, {tree.branching:.1%} several{several}"
    behind = f"behind the {tree.trunk:,} that every request starts with" if tree.trunk else "at the start"
    shares = ", ".join(f"{share:.1%}" for share in tree.top_branches[:5])
    yield "branches", f"{tree.branches:,} {behind}; the largest have {shares} of the requests"


def _reuse_rows(summary: Summary) -> Iterator[tuple[str, str]]:
    popularity, reuse, unlimited = summary.popularity, summary.reuse, summary.unlimited_cache
    sets = summary.working_sets
    assert popularity is not None
    assert sets is not None
    unit = sets.unit
    assert reuse is not None
    assert unlimited is not None
    yield "one-hit wonders", f"{popularity.one_hit_wonders:.1%} of the distinct pages are accessed once"
    if popularity.zipf_exponent is not None:
        fit = f"maximum likelihood over ranks; Kolmogorov-Smirnov distance {popularity.zipf_distance:.3f}"
        yield "popularity", f"Zipf exponent {popularity.zipf_exponent:.3f} ({fit})"
    if reuse.distance is None:
        yield "reuse distance", "nothing is reused"
    else:
        yield "reuse distance", f"{_spread(reuse.distance)} other pages"
    if reuse.seconds is not None:
        yield "reuse time", f"{_spread(reuse.seconds)} seconds"
    if summary.decay is not None:
        half, most = (f"{_number(summary.decay.age_of(share))} {unit}" for share in (0.5, 0.9))
        yield "popularity decay", f"half of the repeated accesses within {half} of the page's first, 90 % within {most}"
    if sets.sets:
        sizes = (f"{_number(each.mean)} in {_number(each.window)}" for each in sets.sets)
        yield "working set", f"{', '.join(sizes)} {unit}: mean distinct pages in a sliding window"
    yield "unlimited cache", ", ".join(f"{name} hit ratio {x:.3f}" for name, x in unlimited.known().items())


def _spread(values: Distribution | None) -> str:
    if values is None:
        return "unknown"
    listed = {"mean": values.mean, "median": values.p50, "p90": values.p90, "p99": values.p99, "max": values.max}
    return ", ".join(f"{name} {_number(value)}" for name, value in listed.items())


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or value >= 1000 else f"{value:,.3g}"
