"""Time to live: what was found in the cache but is too old counts as a miss, which writes it anew.

Expiry is lazy, as in memcached and Redis between their sweeps: nobody looks for old entries, so they take up room until
they are accessed or evicted. A policy sees an access to one as a hit, for the entry is renewed in place. So no replay
loop needs to know the time: what it found is looked through afterwards.
"""

from __future__ import annotations

import numpy as np

from kvreplay.jit import jit
from kvreplay.traces.trace import Trace


class Expiry:
    """The ages of the pages in one cache. `ttl` in seconds; an entry of that very age is still good.

    Its age counts from when it was inserted or last renewed, not from its last hit: an expired page of a request is
    renewed, and under the prefix reading so are all behind it, because they are computed anew with it.
    """

    def __init__(self, trace: Trace, ttl: float, reading: str) -> None:
        self._trace, self._ttl, self._whole = trace, ttl, reading == "prefix"
        self._written = np.full(trace.n_pages, -np.inf)
        self.apply(0, 0, np.empty(0, np.uint8))  # compiles, so that the clock of a replay does not see it

    def apply(self, start: int, stop: int, hit: np.ndarray) -> None:
        """Turn the hits on expired pages by requests start .. stop - 1 into misses; hit[0] is their first access."""
        trace = self._trace
        assert trace.arrival is not None
        # Of these requests alone: written out for a whole key trace, offsets would take twice its memory.
        offsets = np.arange(start, stop + 1) if trace.page_offsets is None else trace.page_offsets[start : stop + 1]
        _expire(hit, trace.pages, offsets, trace.arrival[start:stop], self._written, self._ttl, self._whole)


@jit
def _expire(hit, pages, offsets, arrival, written, ttl, whole):
    first = offsets[0]
    for request in range(len(arrival)):
        computed = False
        for now in range(offsets[request], offsets[request + 1]):
            page = pages[now]
            if hit[now - first] and arrival[request] - written[page] <= ttl and not computed:
                continue
            hit[now - first] = 0
            written[page] = arrival[request]
            computed = whole
