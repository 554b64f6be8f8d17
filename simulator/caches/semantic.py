"""The semantic cache: a prompt much like one that came before gets the answer that it got."""

from __future__ import annotations

from typing import Any

import numpy as np

from .embedders import Embedder
from .entries import Entries, Entry
from .errors import CacheError
from .guard import differs
from .indexes import VectorIndex
from .judge import Judge, right
from .request import Request
from .thresholds import Static, Threshold
from .tier import Found, Stored

_RECALL_EVERY = 8  # lookups: each of them is searched exactly as well


class SemanticCache:
    """Answers under the vectors of their prompts; a hit needs one as similar as `threshold` says, of the same tenant.

    `embedder` and an empty `index` for `capacity` of its vectors; the `k` nearest are asked, best first, until one is
    taken. `guarded` lets the lexical guard refuse hits. `skip_covered` inserts nothing where the answer of the nearest
    entry, too far to be taken, turned out to be right. The other arguments are those of `Entries`.

    Raises CacheError for impossible arguments.
    """

    name = "semantic"

    def __init__(
        self,
        embedder: Embedder,
        index: VectorIndex,
        capacity: int,
        *,
        threshold: Threshold | float = 0.85,
        k: int = 1,
        guarded: bool = False,
        skip_covered: bool = False,
        policy: Any = "lru",
        ttl: float | None = None,
        seed: int = 0,
        compiled: bool = True,
    ) -> None:
        if k < 1:
            raise CacheError(f"k {k}: ask 1 or more neighbours")
        if index.shape != (capacity, embedder.dimensions) or len(index):
            held = f"{len(index)} of {index.shape[0]} vectors of {index.shape[1]} dimensions"
            needed = f"an empty one for {capacity} of {embedder.dimensions}"
            raise CacheError(f"index {index.name}: it holds {held}; give {needed}")
        self.embedder, self.index, self.k = embedder, index, k
        self.guarded, self.skip_covered = guarded, skip_covered
        self.threshold = Static(threshold) if isinstance(threshold, int | float) else threshold
        self.judge = Judge()
        self.entries = Entries(
            capacity, policy, ttl=ttl, seed=seed, leave=self._leave, move=self._move, compiled=compiled
        )
        self._vectors = np.zeros((capacity, embedder.dimensions), np.float32)  # by slot
        self._held = np.zeros(capacity, bool)
        self._last: tuple[str, np.ndarray] | None = None  # what was embedded last
        self._nearest: tuple[Request, Stored, Entry, float] | None = None  # of the last lookup, where it missed
        self.reset_counters()

    def lookup(self, request: Request) -> Found:
        """The entry whose prompt is most similar, where it is similar enough.

        Raises CacheError for a prompt that the embedder refuses.
        """
        vector = self._embed(request)
        self.entries.expire(request.now)
        candidates = self._candidates(request, vector)
        entry = next((entry for entry, score in candidates if self._takes(request, entry, score)), None)
        if entry is not None:
            self.entries.touch(entry)
        self.threshold.judged(self.judge.judge(request, None if entry is None else entry.value.request))
        nearest, score = candidates[0] if candidates else (None, None)
        self._nearest = None
        if entry is None and nearest is not None and score is not None:
            self._nearest = (request, nearest.value, nearest, score)
        return Found(entry, nearest, score)

    def insert(self, request: Request, answer: Any = None) -> None:
        """Hold `answer`, and learn from it. Raises CacheError for a prompt that the embedder refuses."""
        vector = self._embed(request)
        if self._learn(request) and self.skip_covered:
            return
        entry = self.entries.insert(request.key, Stored(request, answer), request.now)
        if entry is not None:
            self._put(entry.slot, vector)
            self.judge.entered(request)

    def resize(self, capacity: int) -> None:
        """Hold at most `capacity` entries from now on. Raises what `Entries.resize` does."""
        self.entries.resize(capacity)
        self.index.resize(capacity)
        more = max(capacity - len(self._held), 0)
        self._vectors = np.concatenate(
            [self._vectors[:capacity], np.zeros((more, self.embedder.dimensions), np.float32)]
        )
        self._held = np.concatenate([self._held[:capacity], np.zeros(more, bool)])

    def reset_counters(self) -> None:
        self.entries.reset_counters()
        self.judge.counts.clear()
        self._lookups = self._sampled = self._found = 0
        self.guard_lost = self.guard_avoided = 0

    def stats(self) -> dict[str, Any]:
        """Settings and counters.

        `recall_at_1` is of a sample of the lookups: how often the index found a nearest entry; None where nothing was
        held. `guard_lost` and `guard_avoided`: right and wrong answers that the guard kept back; None without it.
        """
        return {
            "embedder": self.embedder.name,
            "index": self.index.name,
            "rule": self.threshold.name,
            "threshold": self.threshold.value,
            "precision_limit": self.threshold.limit,
            "guard_lost": self.guard_lost if self.guarded else None,
            "guard_avoided": self.guard_avoided if self.guarded else None,
            "k": self.k,
            **self.entries.stats(),
            **self.judge.stats(),
            "recall_at_1": self._found / self._sampled if self._sampled else None,
        }

    def _embed(self, request: Request) -> np.ndarray:
        if self._last is None or self._last[0] != request.text:
            vector = self.embedder.embed([request.text])[0]
            if not abs(float(vector @ vector) - 1) < 1e-3:  # also NaN
                what = f"embedder {self.embedder.name}: its vector of request {request.number} is not of length 1"
                raise CacheError(f"{what}; divide it by its length")
            self._last = (request.text, vector)
        return self._last[1]

    def _takes(self, request: Request, entry: Entry, score: float) -> bool:
        if not self.threshold.accepts(entry, score):
            return False
        if self.guarded and differs(entry.value.request.text, request.text) is not None:
            would_be_right = right(request, entry.value.request)
            self.guard_lost += would_be_right is True
            self.guard_avoided += would_be_right is False
            return False
        return True

    def _learn(self, request: Request) -> bool:
        """Let the threshold know how the nearest entry would have done; whether its answer was right."""
        if self._nearest is None or self._nearest[0] is not request:
            return False
        _, stored, entry, score = self._nearest
        self._nearest = None  # to learn from it once
        was_right = right(request, stored.request)
        if was_right is not None and entry.value is stored:
            self.threshold.learn(entry, score, was_right)
        return was_right is True and entry.value is stored

    def _candidates(self, request: Request, vector: np.ndarray) -> list[tuple[Entry, float]]:
        """The `k` nearest entries of the request's tenant, best first, and their cosines."""
        k = self.k
        while True:
            slots, scores = self.index.search(vector, k)
            if k == self.k:
                self._check_recall(vector, slots)
            entries = [self.entries.at(slot) for slot in slots.tolist()]
            own = [
                (entry, score)
                for entry, score in zip(entries, scores.tolist(), strict=True)
                if entry is not None and entry.value.request.tenant == request.tenant
            ]
            if len(own) >= self.k or len(slots) < k:
                return own[: self.k]
            k *= 4

    def _check_recall(self, vector: np.ndarray, slots: np.ndarray) -> None:
        self._lookups += 1
        if len(slots) and self._lookups % _RECALL_EVERY == 0:
            cosines = np.where(self._held, self._vectors @ vector, -np.inf)
            self._sampled += 1
            self._found += bool(cosines[slots[0]] >= cosines.max() - 1e-6)

    def _put(self, slot: int, vector: np.ndarray) -> None:
        self.index.put(slot, vector)
        self._vectors[slot], self._held[slot] = vector, True

    def _leave(self, entry: Entry) -> None:
        self.index.remove(entry.slot)
        self._held[entry.slot] = False
        self.judge.left(entry.value.request)

    def _move(self, entry: Entry, slot: int) -> None:
        self.index.remove(entry.slot)
        self._held[entry.slot] = False
        self._put(slot, self._vectors[entry.slot])
