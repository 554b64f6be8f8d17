"""A threshold that moves until a given share of the lookups is answered wrongly, or answered at all.

After every lookup it moves by `step` times what happened less what is wanted: up after a false hit, down by a little
after anything else. That is adaptive conformal inference (Gibbs and Candès, "Adaptive conformal inference under
distribution shift", NeurIPS 2021; the bound below is proved as theirs is). It holds the share on any traffic,
also one that changes: where the threshold is above all cosines nothing is answered, and it falls. A small step makes it
slow but still. A share of hits is the worse thing to hold: while the cache is empty it lets anything pass.
"""

from __future__ import annotations

from .errors import CacheError
from .judge import Verdict
from .thresholds import Threshold

# No cosine is above the highest; from below the lowest it would take long to come back when traffic changes.
_LOWEST, _HIGHEST = 0.0, 1.0
_HITS = (Verdict.TRUE_HIT, Verdict.FALSE_HIT, Verdict.UNJUDGED_HIT)


class Moving(Threshold):
    """The lowest cosine at which no more than `false_hits` of the lookups get a wrong answer; or, with `hits`, at which
    that share of them gets any. `start` is the first threshold; it never falls below 0.

    After n lookups, without hits that nobody can judge, at most ``false_hits + (1 + step - start) / (step n)`` of them
    were false hits, whatever the traffic. Raises CacheError unless just one share is given, above 0 and below 1.
    """

    def __init__(
        self,
        *,
        false_hits: float | None = None,
        hits: float | None = None,
        start: float = 0.85,
        step: float = 0.01,
    ) -> None:
        given = [share for share in (false_hits, hits) if share is not None]
        if len(given) != 1 or not 0 < given[0] < 1:
            raise CacheError(f"threshold: false_hits {false_hits}, hits {hits}; give one of them, above 0 and below 1")
        if not (_LOWEST <= start <= _HIGHEST and 0 < step <= 1):
            raise CacheError(f"threshold: start {start}, step {step}; start from 0 to 1, with a step above 0 up to 1")
        self.name = f"moving:{'false_hits' if hits is None else 'hits'}={given[0]:g}:start={start:g}"
        self.value: float = start
        self._false_only, self._share = hits is None, given[0]
        self._step = step

    def judged(self, verdict: Verdict) -> None:
        """Move after a lookup that came to `verdict`, as far as that is known."""
        if self._false_only and verdict is Verdict.UNJUDGED_HIT:
            return
        happened = verdict is Verdict.FALSE_HIT if self._false_only else verdict in _HITS
        self.value = max(self.value + self._step * (happened - self._share), _LOWEST)
