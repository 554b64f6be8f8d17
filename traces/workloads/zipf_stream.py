"""Independent references to keys of Zipf popularity, generated as they are replayed: as long as one likes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Interval

from ..stream import Stream
from .knobs import Count, Seed, Skew
from .zipf_ranks import ZipfRanks


@dataclass(frozen=True)
class _Zipf:
    keys: int
    skew: float
    seed: int

    def read(self, start: int, stop: int) -> np.ndarray:
        return _ranks(self).read(start, stop)


def zipf_stream(
    *,
    requests: Annotated[int, Interval(ge=1, le=10**15)] = 1_000_000_000,
    keys: Count = 1_000_000,
    skew: Skew = 1.0,
    seed: Seed = 0,
) -> Stream:
    """As `zipf`, but nothing is kept: memory does not depend on `requests`. Page k is the key of rank k + 1."""
    return Stream("zipf_stream", requests, keys, _Zipf(keys, skew, seed), {})


@functools.lru_cache(maxsize=4)
def _ranks(zipf: _Zipf) -> ZipfRanks:
    return ZipfRanks(zipf.keys, zipf.skew, zipf.seed)
