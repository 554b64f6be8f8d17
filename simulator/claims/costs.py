"""Claimed costs: how long policies, lookups and embeddings take on this machine, and what an entry takes.

CPU seconds of one thread, a figure a round.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

from kvreplay.simulator.bench.entries import calls_per_second, exact_lookup_seconds, switch_seconds
from kvreplay.simulator.caches import embedders, indexes
from kvreplay.simulator.caches.embedders import Embedder
from kvreplay.simulator.caches.request import Request
from kvreplay.simulator.caches.semantic import SemanticCache
from kvreplay.traces.workloads import generate

_ROUNDS = 5
_LOOKUPS = 200  # timed in a round


def policy_calls(*, policy: str) -> Iterator[float]:
    """Calls per second on entries under `policy`, one at a time."""
    for _ in range(_ROUNDS):
        yield calls_per_second(policy)


def policy_switch(*, policy: str) -> Iterator[float]:
    """Seconds to go on under `policy` with 1,000 entries that LRU had."""
    for _ in range(_ROUNDS):
        yield switch_seconds(policy)


def exact_lookup(*, characters: int) -> Iterator[float]:
    """Seconds of a lookup in the exact cache that hits, of a prompt of so many characters."""
    for _ in range(_ROUNDS):
        yield exact_lookup_seconds(characters)


def embedding(*, embedder: str) -> Iterator[float]:
    """Seconds to embed one prompt."""
    made = embedders.get(embedder)
    prompts = _prompts(_LOOKUPS)
    made.embed(prompts[:1])
    for _ in range(_ROUNDS):
        yield _seconds(lambda prompt: made.embed([prompt]), prompts)


def semantic_lookup(*, embedder: str, index: str, entries: int) -> Iterator[float]:
    """Seconds of a lookup in a semantic cache of so many entries, embedding included."""
    requests = _requests(entries + _LOOKUPS)
    cache = _filled(requests[:entries], embedders.get(embedder), index)
    for _ in range(_ROUNDS):
        yield _seconds(cache.lookup, requests[entries:])


def semantic_entry(*, embedder: str, index: str, entries: int) -> Iterator[float]:
    """Bytes of an entry of a semantic cache: key, prompt, vector, index and policy, without the answer."""
    requests, made = _requests(entries), embedders.get(embedder)
    _filled(requests, made, index)  # what is made once: vectors of words, say
    tracemalloc.start()
    cache = _filled(requests, made, index)
    traced, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    prompts = sum(len(request.text) for request in requests)
    unseen = cache.index.nbytes if index.startswith("hnsw") else 0  # by Python's allocator
    yield (traced + prompts + unseen) / entries


def _filled(requests: list[Request], embedder: Embedder, index: str) -> SemanticCache:
    capacity = len(requests)
    cache = SemanticCache(embedder, indexes.get(index, embedder.dimensions, capacity), capacity)
    for request in requests:
        cache.insert(request)
    return cache


def _requests(count: int) -> list[Request]:
    return [Request(i, i, prompt.encode(), prompt) for i, prompt in enumerate(_prompts(count))]


def _prompts(count: int) -> list[str]:
    """`count` different ones."""
    asked = generate("paraphrased", requests=2 * count, intents=600, verbatim_share=0.0)
    return list(dict.fromkeys(asked.texts()))[:count]


def _seconds(work: Callable[[Any], object], items: list[Any]) -> float:
    start = time.thread_time()
    for item in items:
        work(item)
    return (time.thread_time() - start) / len(items)
