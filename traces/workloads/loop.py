"""A loop: the same keys over and over. A cache one key too small never hits under LRU."""

from __future__ import annotations

import numpy as np

from ..trace import Trace
from .arrivals import Arrival
from .knobs import Count, Requests, Seed
from .scan import sequence


def loop(*, requests: Requests = 100_000, keys: Count = 1_000, arrival: Arrival | None = None, seed: Seed = 0) -> Trace:
    """Keys 0, 1, ... `keys` - 1, 0, 1, ... The seed matters to the arrival times only."""
    return sequence("loop", np.arange(requests, dtype=np.uint64) % np.uint64(keys), arrival, seed)
