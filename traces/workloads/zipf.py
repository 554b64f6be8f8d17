"""Independent references to keys of Zipf popularity: the classic synthetic cache workload."""

from __future__ import annotations

import numpy as np

from ..builder import Batch, TraceBuilder
from ..trace import Trace
from .arrivals import Arrival
from .knobs import Count, Drift, Requests, Seed, Skew
from .popularity import Popularity, drifted
from .streams import streams

_CHUNK = 1 << 20  # requests drawn at a time: the trace stays the only thing whose size grows with its length


def zipf(
    *,
    requests: Requests = 1_000_000,
    keys: Count = 100_000,
    skew: Skew = 1.0,
    drift: Drift = 0.0,
    arrival: Arrival | None = None,
    seed: Seed = 0,
) -> Trace:
    """Each request asks for one of `keys` keys, the k-th most popular in proportion to k**-skew.

    With `drift` 1 every key has once been the most popular by the end of the trace. No arrival times unless
    `arrival` is given: 4 bytes a request.
    """
    ranking, clock = streams(seed, 2)
    popularity = Popularity(keys, skew)
    times, client = (None, None) if arrival is None else arrival.sample(clock, requests)
    with TraceBuilder() as builder:
        for start in range(0, requests, _CHUNK):
            stop = min(start + _CHUNK, requests)
            items = drifted(popularity.sample(ranking, stop - start), keys, start, requests, drift)
            builder.add(
                Batch(
                    items.astype(np.uint64),
                    arrival=None if times is None else times[start:stop],
                    session=None if client is None else client[start:stop],
                )
            )
        return builder.finish("zipf")
