"""Independent references to keys of Zipf popularity, generated as they are replayed: as long as one likes."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Interval

from ..stream import BLOCK, Stream
from .knobs import Count, Seed, Skew
from .popularity import Popularity


@dataclass(frozen=True)
class _Zipf:
    keys: int
    skew: float
    seed: int

    def block(self, number: int) -> np.ndarray:
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(self.seed, spawn_key=(number,))))
        return _popularity(self.keys, self.skew).sample(rng, BLOCK)


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
def _popularity(keys: int, skew: float) -> Popularity:
    return Popularity(keys, skew)
