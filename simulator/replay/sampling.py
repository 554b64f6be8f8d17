"""Page hit ratios from several samples of the pages: for traces too long, or curves too many, to replay in full.

What is a sample, and where the idea comes from, is said in `part`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kvreplay.policies import Policy, get
from kvreplay.simulator.student_t import student_t
from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace

from .capacity import CapacityError
from .engine import replay
from .part import FEWEST_PAGES, Estimate, accesses_to, check_policy

# Samples are also joined in groups of so many: not two, as sketches come in powers of two.
_GROUP = 3
# What is wrong with the groups, as a multiple of how far they are from the samples: right where every further tripling
# takes away a third of the error, 2/3 + (2/3)^2 + ... = 2 of it in all. Most errors fall faster.
_STILL_WRONG = 2.0


class Samples:
    """Disjoint samples of a trace's pages, of a share of `rate` each, and the same pages in groups of three samples.

    Raises ValueError where `count` is no multiple of 3, or so many samples are more than the trace, and TraceError
    where a sample would be of fewer than 10 pages.
    """

    def __init__(self, trace: Trace, rate: float, count: int = 9, seed: int = 0) -> None:
        if not (rate > 0 and count >= 2 * _GROUP and count % _GROUP == 0 and rate * count <= 1):
            mend = f"use {_GROUP} x 2 of them or more, of at most 1 in all"
            raise ValueError(f"{count} disjoint samples of {rate:g} of the pages; {mend}")
        size = round(rate * trace.n_pages)
        if size < FEWEST_PAGES:
            raise TraceError(f"{trace.name}: samples of {rate:g} are {size} pages", mend="raise the rate")
        self._trace, self._seed = trace, seed
        self._rate = size / trace.n_pages
        drawn = np.random.default_rng(seed).permutation(trace.n_pages)
        self._samples = [accesses_to(trace, drawn[k * size : (k + 1) * size]) for k in range(count)]
        groups = range(0, count * size, _GROUP * size)
        self._groups = [accesses_to(trace, drawn[start : start + _GROUP * size]) for start in groups]

    @property
    def least_capacity(self) -> int:
        """The smallest capacity, in pages, that `estimate` takes."""
        return math.ceil(FEWEST_PAGES / self._rate)

    def check(self, policy: Policy, capacity: int) -> None:
        """Raise CapacityError or PolicyError where `estimate` would."""
        check_policy(policy)
        if capacity < self.least_capacity:
            raise CapacityError(
                f"capacity {capacity}: samples of {self._rate:.2g} of the pages need {self.least_capacity} pages or "
                "more; raise the rate"
            )

    def estimate(self, policy: Any, capacity: int) -> Estimate:
        """The page hit ratio of `policy` in a cache of `capacity` pages, every page taken for itself.

        Hits of a sample are corrected by the accesses that it has more or fewer than its share (SHARDS-adj, FAST
        2015, section 3.4). The ratio is that of the groups. The interval is Student's over the samples, for the luck
        of the draw, with the correction for a finite population (Cochran, Sampling Techniques, 3rd edition 1977,
        section 2.6); it is widened by what a policy does differently in a small cache, told from how the ratio moves
        from the samples to the groups.

        Raises CapacityError where a sampled cache would hold fewer than 10 pages, and PolicyError for a policy that
        looks at whole requests or declares that it does not scale.
        """
        policy = get(policy)
        self.check(policy, capacity)
        singles = self._ratios(self._samples, self._rate, policy, capacity)
        ratio = float(np.mean(self._ratios(self._groups, _GROUP * self._rate, policy, capacity)))
        count = len(singles)
        unseen = max(1 - count * self._rate, 0.0)
        luck = student_t(count - 1) * float(np.std(singles, ddof=1)) * math.sqrt(unseen / count)
        half_width = luck + _STILL_WRONG * abs(ratio - float(np.mean(singles)))
        return Estimate(min(max(ratio, 0.0), 1.0), round(half_width, 12))  # 0 where exact, not a rounding error

    def _ratios(self, samples: list[Trace], rate: float, policy: Policy, capacity: int) -> list[float]:
        expected = self._trace.n_accesses * rate
        ratios = []
        for k, sample in enumerate(samples):
            # Rounded up in as many of the samples as makes their mean right.
            pages = min(int(capacity * rate + (k + 0.5) / len(samples)), sample.n_pages)
            hits = replay(sample, policy, pages, seed=self._seed, windows=1).row["hits"]
            ratios.append((hits + expected - sample.n_accesses) / expected)
        return ratios
