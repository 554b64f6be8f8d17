"""Popularity decay: how fast the accesses to a page become rarer after it was first seen."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from kvreplay.jit import jit

from .trace import Trace
from .working_set import clock


@dataclass(frozen=True)
class Decay:
    """Repeated accesses to the pages first seen in the first half of a trace, by age: the time since that first access.

    Ages go up to half of the trace, so that the same pages are watched at every age: a rate that falls is a popularity
    that falls. Ranges of ages double (0 .. 1, 1 .. 2, 2 .. 4, 4 .. 8, ... of the clock's unit), up to the last.
    """

    ages: list[float]  # the upper end of each range, rising
    shares: list[float]  # of the repeated accesses in each range; sums to 1
    rates: list[float]  # repeated accesses a page and unit of time in each range

    def age_of(self, share: float) -> float:
        """The upper end of the range by which this `share` of the repeated accesses, below 1, has come."""
        return self.ages[int(np.searchsorted(np.cumsum(self.shares), share))]


def decay(trace: Trace) -> Decay | None:
    """How often pages are accessed again as they age, in one pass with 8 bytes a page. None where none is."""
    times = clock(trace)
    half = float(times[-1]) / 2
    ends = [0.0, *itertools.takewhile(lambda age: age < half, (2.0**n for n in itertools.count())), half]
    first = np.full(trace.n_pages, np.nan)
    counts = np.zeros(len(ends) - 1, np.int64)
    _count(trace.pages, trace.offsets, times, half, first, counts)
    if not counts.any():
        return None
    watched = np.count_nonzero(first <= half) * np.diff(ends)
    return Decay(ends[1:], (counts / counts.sum()).tolist(), (counts / watched).tolist())


@jit
def _range_of(age):
    """0 for ages below 1, else the n for which 2^(n-1) <= age < 2^n."""
    return max(math.frexp(age)[1], 0)


@jit
def _count(pages, offsets, times, half, first, counts):
    for request in range(len(times)):
        for access in range(offsets[request], offsets[request + 1]):
            page = pages[access]
            if np.isnan(first[page]):
                first[page] = times[request]
            elif first[page] <= half and times[request] - first[page] < half:
                counts[_range_of(times[request] - first[page])] += 1
