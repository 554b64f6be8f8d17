"""How similar is similar enough: a threshold on the cosine belongs to one embedder and one kind of traffic.

Two of the rules learn from misses: once the answer is generated, a server may compare it with that of the nearest
entry, and so knows whether a hit would have been right. Traces have no answers; there equal intents stand for it.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Annotated

import numpy as np
from annotated_types import Ge, Interval

from kvreplay.simulator.binomial import lower_limit, tail

from .entries import Entry
from .errors import CacheError
from .judge import Verdict
from .specs import Known, label, make

_ERROR = Interval(gt=0, lt=1)
_STEPS = 100  # thresholds that calibration tries between cosines 0 and 1


class Threshold:
    """Whether an entry's answer is given to a prompt so similar to its own. Rules override what they need."""

    name: str  # with the parameters that are not the defaults; a static one is its cosine
    value: float | None  # the least cosine of a hit, where it is one for all
    limit: float | None = None  # lower confidence limit of the precision at `value`, where it was calibrated

    def accepts(self, entry: Entry, score: float) -> bool:
        """Whether a cosine of `score` to `entry` makes a hit."""
        return self.value is not None and score >= self.value

    def learn(self, entry: Entry, score: float, right: bool) -> None:
        """The nearest entry, of cosine `score`, was not taken; `right` tells whether its answer would have been."""

    def judged(self, verdict: Verdict) -> None:
        """What the lookup came to that was asked about last, as if its answer had been checked."""


class Static(Threshold):
    """One cosine for all. Raises CacheError outside [-1, 1]."""

    def __init__(self, value: float) -> None:
        if not -1 <= value <= 1:
            raise CacheError(f"threshold {value}: is no cosine; use -1 to 1")
        self.name, self.value = f"{value:g}", float(value)


class Calibrated(Threshold):
    """The lowest cosine above which hits are right with probability `precision`, from the first `lookups`.

    Until then nothing hits. Cosines are tried from the highest down, in steps of 0.01, as long as the lower confidence
    limit of Clopper and Pearson, at `confidence`, is not below `precision`; the first is that from which on it could
    be. Stopping at the first that fails needs no correction for trying many (fixed sequence testing: Angelopoulos et
    al., "Learn then Test", 2021). If even the first fails, nothing ever hits.
    """

    def __init__(
        self,
        *,
        precision: Annotated[float, _ERROR] = 0.95,
        confidence: Annotated[float, _ERROR] = 0.95,
        lookups: Annotated[int, Ge(1)] = 1000,
    ) -> None:
        self.name = label(Calibrated, "calibrated", precision=precision, confidence=confidence, lookups=lookups)
        self.value = None
        self._precision, self._confidence, self._lookups = precision, confidence, lookups
        self._scores: list[float] = []
        self._right: list[bool] = []

    def learn(self, entry: Entry, score: float, right: bool) -> None:
        if len(self._scores) < self._lookups:
            self._scores.append(score)
            self._right.append(right)
            if len(self._scores) == self._lookups:
                self._calibrate()

    def _calibrate(self) -> None:
        scores, right = np.array(self._scores), np.array(self._right)
        least = math.log(1 - self._confidence) / math.log(self._precision)  # all of so many must be right
        holding = (0, 0)
        for step in range(_STEPS, -_STEPS - 1, -1):
            above = scores >= step / _STEPS
            hits, true = int(above.sum()), int((above & right).sum())
            if hits < least:
                continue
            if tail(true, hits, self._precision) > 1 - self._confidence:
                break
            self.value, holding = step / _STEPS, (true, hits)
        self.limit = lower_limit(*holding, self._confidence) if self.value is not None else None


class Learned(Threshold):
    """A boundary per entry, learned from what its answer would have been worth: of all lookups at most a share `error`
    gets a wrong answer.

    After vCache (Schroeder et al., "vCache: Verified Semantic Prompt Caching", ICLR 2026, arXiv 2502.03771): that an
    entry is right for a prompt of cosine s has probability p(s) = 1 / (1 + exp(-slope (s - boundary))); where p(s) is
    a or more, the entry's answer may be given with probability `error` / (1 - a), and the rest is generated, so that
    the entry learns. A bound at confidence 1 - e makes a = (1 - e) p(s), and the best of several e counts. As there,
    an entry hits only after `observations`. Deviations: the bound is the profile likelihood's on p(s) itself, over a
    grid of boundaries and slopes, which needs no special care where right and wrong are separated; and where a is below
    1/2 nothing hits, though the error would allow to answer some blindly.
    """

    value = None

    def __init__(
        self,
        *,
        error: Annotated[float, _ERROR] = 0.05,
        observations: Annotated[int, Ge(1)] = 6,
        seed: Annotated[int, Interval(ge=0, lt=2**63)] = 0,
    ) -> None:
        self.name = label(Learned, "learned", error=error, observations=observations, seed=seed)
        self._error, self._observations = error, observations
        self._random = np.random.default_rng(seed)
        self._known: dict[int, tuple[object, int, np.ndarray]] = {}  # by slot: whose, how often, log likelihoods

    def accepts(self, entry: Entry, score: float) -> bool:
        _, count, likelihood = self._of(entry)
        if count < self._observations:
            return False
        below = likelihood.max() - likelihood
        probability = _right(score)
        sure = max((1 - e) * float(probability[below <= bound].min()) for e, bound in _BOUNDS)
        return sure >= 0.5 and self._random.random() < self._error / max(1 - sure, self._error)

    def learn(self, entry: Entry, score: float, right: bool) -> None:
        stored, count, likelihood = self._of(entry)
        probability = _right(score)
        more = np.log(probability if right else 1 - probability)
        self._known[entry.slot] = (stored, count + 1, likelihood + more)

    def _of(self, entry: Entry) -> tuple[object, int, np.ndarray]:
        known = self._known.get(entry.slot)
        if known is None or known[0] is not entry.value:  # the slot was another entry's
            return entry.value, 0, _NOTHING
        return known


# The grid of boundaries (rows) and slopes (columns). A boundary beyond 1 means that no prompt is similar enough.
_BOUNDARIES = np.linspace(-0.2, 1.4, 81)[:, None]
_SLOPES = np.geomspace(2, 200, 9)[None, :]
_NOTHING = np.zeros((len(_BOUNDARIES), _SLOPES.size))
# (e, how far below the greatest log likelihood a point of the grid may lie to count at confidence 1 - e, one-sided)
_BOUNDS = [(e, NormalDist().inv_cdf(1 - e) ** 2 / 2) for e in (0.001, 0.01, 0.05, 0.1)]


def _right(score: float) -> np.ndarray:
    """(boundaries, slopes): the probability that the answer is right, never quite 0 or 1."""
    return np.clip(1 / (1 + np.exp(np.clip(-_SLOPES * (score - _BOUNDARIES), -50, 50))), 1e-12, 1 - 1e-12)


_KNOWN = {"calibrated": Known(__name__, "Calibrated"), "learned": Known(__name__, "Learned")}


def get(spec: float | str) -> Threshold:
    """A cosine, or a rule by name with parameters behind it: ``calibrated:precision=0.98``, ``learned:error=0.02``.

    Raises CacheError for an unknown name and a cosine outside [-1, 1], ParameterError for wrong parameters.
    """
    return Static(spec) if isinstance(spec, int | float) else make("threshold", spec, _KNOWN, {})
