"""A trace's summary as text for a terminal."""

from __future__ import annotations

from typing import Any

from kvreplay.traces.statistics import WINDOWS, Distribution, Summary

from .numbers import memory


def time_unit(seconds: float) -> tuple[str, int]:
    """A unit of time that `seconds` is at least twice, and its length in seconds."""
    units = (("days", 86400), ("hours", 3600), ("minutes", 60))
    return next((unit for unit in units if seconds >= 2 * unit[1]), ("seconds", 1))


def describe(summary: Summary) -> str:
    """A label and what is known, a line each; what the trace cannot tell is said to be unknown."""
    trace = summary.trace
    rows = [("trace", trace.name)]
    rows += [(key, str(trace.meta[key])) for key in ("source", "licence", "notes") if trace.meta.get(key)]
    rows.append(("requests", _count(summary.requests)))
    rows += [
        (label, _count(n)) for label, n in (("sessions", summary.sessions), ("intents", summary.intents)) if n
    ]
    rows += _arrival_rows(summary)
    rows += [
        ("prompt tokens", _spread(summary.prompt_tokens)),
        ("output tokens", _spread(summary.output_tokens)),
    ]
    rows += _page_rows(summary) if trace.has_pages else [_NO_PAGES]
    return "\n".join(f"{label + ':':22}{text}" for label, text in rows)


_NO_PAGES = (
    "pages",
    "none: the trace carries times and lengths only. What its requests share cannot be known,\n"
    f"{'':22}and so neither can footprint, popularity, reuse and hit ratios",
)


def _arrival_rows(summary: Summary) -> list[tuple[str, str]]:
    arrivals = summary.arrivals
    if arrivals is None:
        return [("arrivals", "unknown: no times, the order alone")]
    unit, length = time_unit(arrivals.duration_seconds)
    rows = [("duration", f"{arrivals.duration_seconds / length:,.1f} {unit}")]
    if arrivals.requests_per_second is None:
        return [*rows, ("arrival rate", "unknown: all requests come at the same time")]
    rate = f"{arrivals.requests_per_second:,.3g} requests/s"
    rows.append(
        ("arrival rate", f"{rate}; {arrivals.peak_to_mean:.2f} x that in the busiest 1/{WINDOWS} of the time")
    )
    ties = (
        ""
        if arrivals.distinct_times == summary.requests
        else f"; only {arrivals.distinct_times:,} distinct times"
    )
    rows.append(("burstiness", f"CV of the gaps {arrivals.interarrival_cv:.2f} (Poisson: 1){ties}"))
    return rows


def _page_rows(summary: Summary) -> list[tuple[str, str]]:
    popularity, reuse, unlimited = summary.popularity, summary.reuse, summary.unlimited_cache
    assert popularity is not None
    assert reuse is not None
    assert unlimited is not None
    footprint = [f"{summary.distinct_pages:,} pages"]
    if summary.footprint_tokens is not None:
        footprint.append(f"{summary.footprint_tokens:,} tokens")
    footprint.append(
        "bytes unknown: give --bytes-per-token"
        if summary.footprint_bytes is None
        else memory(summary.footprint_bytes)
    )
    trees = {
        True: "form a tree: each page follows one page only",
        False: "form no tree: some page follows different pages, so only the independent reading fits",
        None: "none: one page per request",
    }
    rows = [
        ("page size", "objects" if summary.page_tokens is None else f"{summary.page_tokens:,} tokens"),
        ("page accesses", _count(summary.page_accesses)),
        ("footprint", ", ".join(footprint)),
        ("pages per request", _spread(summary.pages_per_request)),
        ("prefixes", trees[summary.prefix_tree]),
        ("one-hit wonders", f"{popularity.one_hit_wonders:.1%} of the distinct pages are accessed once"),
    ]
    if popularity.zipf_exponent is not None:
        fit = f"maximum likelihood over ranks; Kolmogorov-Smirnov distance {popularity.zipf_distance:.3f}"
        rows.append(("popularity", f"Zipf exponent {popularity.zipf_exponent:.3f} ({fit})"))
    rows.append(
        (
            "reuse distance",
            f"{_spread(reuse.distance)} other pages" if reuse.distance else "nothing is reused",
        )
    )
    if reuse.seconds is not None:
        rows.append(("reuse time", f"{_spread(reuse.seconds)} seconds"))
    rows.append(
        (
            "unlimited cache",
            ", ".join(f"{name} hit ratio {ratio:.3f}" for name, ratio in unlimited.known().items()),
        )
    )
    return rows


def _count(number: int | None) -> str:
    return f"{number:,}"


def _spread(values: Distribution | None) -> str:
    if values is None:
        return "unknown"
    parts: dict[str, Any] = {"median": values.p50, "p90": values.p90, "p99": values.p99, "max": values.max}
    listed = ", ".join(f"{name} {_number(value)}" for name, value in parts.items())
    return f"mean {_number(values.mean)}, {listed}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or value >= 1000 else f"{value:,.3g}"
