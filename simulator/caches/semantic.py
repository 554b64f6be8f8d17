"""The semantic cache: a prompt much like one that came before gets the answer that it got."""

from __future__ import annotations

from typing import Any

import numpy as np

from .embedders import Embedder
from .entries import Entries, Entry
from .errors import CacheError
from .indexes import VectorIndex
from .judge import Judge
from .request import Request
from .thresholds import Static, Threshold
from .tier import Found, Stored

_RECALL_EVERY = 8  # lookups: each of them is searched exactly as well


class SemanticCache:
    """Answers under the vectors of their prompts; a hit needs one as similar as `threshold` says, of the same tenant.

    `embedder` and an empty `index` for `capacity` of its vectors; the `k` nearest are asked, best first, until one is
    taken. The other arguments are those of `Entries`. Raises CacheError for impossible ones.
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
        policy: Any = "lru",
        ttl: float | None = None,
        seed: int = 0,
        compiled: bool = True,
    ) -> None:
        if k < 1:
            raise CacheError(f"k {k}: ask 1 or more neighbours")
        self.embedder, self.index, self.k = embedder, index, k
        self.threshold = Static(threshold) if isinstance(threshold, int | float) else threshold
        self.judge = Judge()
        self.entries = Entries(
            capacity, policy, ttl=ttl, seed=seed, leave=self._leave, move=self._move, compiled=compiled
        )
        self._vectors = np.zeros((capacity, embedder.dimensions), np.float32)  # by slot
        self._held = np.zeros(capacity, bool)
        self._last: tuple[str, np.ndarray] | None = None  # what was embedded last
        self.reset_counters()

    def lookup(self, request: Request) -> Found:
        """The entry whose prompt is most similar, where it is similar enough.

        Raises CacheError for a prompt that the embedder refuses.
        """
        vector = self._embed(request)
        self.entries.expire(request.now)
        candidates = self._candidates(request, vector)
        entry = next((entry for entry, score in candidates if self.threshold.accepts(entry, score)), None)
        if entry is not None:
            self.entries.touch(entry)
        self.threshold.learn(self.judge.judge(request, None if entry is None else entry.value.request))
        nearest, score = candidates[0] if candidates else (None, None)
        return Found(entry, nearest, score)

    def insert(self, request: Request, answer: Any = None) -> None:
        """Hold `answer`. Raises CacheError for a prompt that the embedder refuses."""
        vector = self._embed(request)
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

    def stats(self) -> dict[str, Any]:
        """Settings and counters. `recall_at_1` is of a sample of the lookups: how often the index found a nearest
        entry; None where nothing was held."""
        return {
            "embedder": self.embedder.name,
            "index": self.index.name,
            "threshold": self.threshold.value,
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
