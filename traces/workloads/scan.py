"""A scan: every key once. Nothing can hit, and what a cache held before is in danger."""

from __future__ import annotations

import numpy as np

from ..builder import Batch, TraceBuilder
from ..trace import Trace
from .arrivals import Arrival
from .knobs import Requests, Seed
from .streams import streams


def scan(*, requests: Requests = 100_000, arrival: Arrival | None = None, seed: Seed = 0) -> Trace:
    """As many distinct keys as requests, in order. The seed matters to the arrival times only."""
    return sequence("scan", np.arange(requests, dtype=np.uint64), arrival, seed)


def sequence(name: str, keys: np.ndarray, arrival: Arrival | None, seed: int) -> Trace:
    """The trace of one request for each of `keys`, (R,) uint64."""
    times, client = (None, None) if arrival is None else arrival.sample(streams(seed, 1)[0], len(keys))
    with TraceBuilder() as builder:
        builder.add(Batch(keys, arrival=times, session=client))
        return builder.finish(name)
