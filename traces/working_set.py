"""Working sets: how many distinct pages the requests of the last while touch (Denning, "The working set model for
program behavior", CACM 11(5), 1968)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kvreplay.jit import jit

from .trace import Trace

POINTS = 200
_SECONDS = (1, 10, 60, 600, 3600, 6 * 3600, 86400, 7 * 86400)
_REQUESTS = tuple(10**power for power in range(1, 11))
_WINDOWS = 3  # lengths that are shown of those above


@dataclass(frozen=True)
class WorkingSet:
    """The distinct pages of a sliding window of one length."""

    window: float  # its length
    mean: float  # pages, over all requests: the first windows begin before the trace, and are small
    max: int
    sizes: np.ndarray  # (n,) int64: pages, after each of up to POINTS requests


@dataclass(frozen=True)
class WorkingSets:
    """Working sets over time, for windows of several lengths."""

    unit: str  # of lengths and times: "seconds", or "requests" where the trace has no times
    times: np.ndarray  # (n,) float64: when `sizes` were taken, since the first request
    sets: tuple[WorkingSet, ...]  # shortest window first; none where the trace is too short to have two


def clock(trace: Trace) -> np.ndarray:
    """(R,) float64: seconds since the first arrival; the number of the request where the trace has no times."""
    if trace.duration > 0 and trace.arrival is not None:
        return trace.arrival - trace.arrival[0]
    return np.arange(trace.n_requests, dtype=np.float64)


def clock_unit(trace: Trace) -> str:
    """What `clock` counts: "seconds" or "requests"."""
    return "seconds" if trace.duration > 0 else "requests"


def usual_windows(trace: Trace) -> list[int]:
    """Up to three window lengths that fit into the trace twice, the longest such, shortest first."""
    lengths = _SECONDS if clock_unit(trace) == "seconds" else _REQUESTS
    duration = clock(trace)[-1]
    return [length for length in lengths if 2 * length <= duration][-_WINDOWS:]


def working_sets(trace: Trace, windows: list[int]) -> WorkingSets:
    """The distinct pages over time of the requests whose `clock` is in (now - length, now], for each length.

    One pass over the trace for all lengths, with 8 bytes a page.
    """
    times = clock(trace)
    points = np.unique(np.linspace(0, trace.n_requests - 1, POINTS).astype(np.int64))
    sizes = np.zeros((len(windows), len(points)), np.int64)
    sums, largest = np.zeros((2, len(windows)), np.int64)
    last = np.full(trace.n_pages, -1, np.int64)
    lengths = np.array(windows, np.float64)
    _slide(trace.pages, trace.offsets, times, lengths, points, last, sizes, sums, largest)
    means = sums / trace.n_requests
    sets = tuple(WorkingSet(*each) for each in zip(windows, means.tolist(), largest.tolist(), sizes, strict=True))
    return WorkingSets(clock_unit(trace), times[points], sets)


@jit
def _slide(pages, offsets, times, lengths, points, last, sizes, sums, largest):
    # A page is in a window where its last access is: it enters with an access whose predecessor is outside, and
    # leaves when the window moves past its last access.
    oldest = np.zeros(len(lengths), np.int64)  # the first request within each window
    inside = np.zeros(len(lengths), np.int64)
    point = 0
    for request in range(len(times)):
        for k in range(len(lengths)):
            while times[oldest[k]] <= times[request] - lengths[k]:
                for access in range(offsets[oldest[k]], offsets[oldest[k] + 1]):
                    inside[k] -= last[pages[access]] == access
                oldest[k] += 1
        for access in range(offsets[request], offsets[request + 1]):
            before = last[pages[access]]
            last[pages[access]] = access
            for k in range(len(lengths)):
                inside[k] += before < offsets[oldest[k]]
        for k in range(len(lengths)):
            largest[k] = max(largest[k], inside[k])
            sums[k] += inside[k]
        if points[point] == request:
            sizes[:, point] = inside
            point = min(point + 1, len(points) - 1)
