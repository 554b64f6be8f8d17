"""What a semantic cache spends its time on: vectors of prompts, and the search among those that it holds.

On the CPU clock of the process, one prompt or query at a time as a cache has them. Prompts are those of the workload
`paraphrased`; the indexes hold the vectors that the default embedder makes of them. To replace is to remove an entry
and put another into its slot; recall@1, the share of queries to which no entry is nearer than the one found, is told
after that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from kvreplay.simulator.caches import embedders, indexes
from kvreplay.simulator.caches.errors import CacheError
from kvreplay.simulator.caches.indexes import VectorIndex
from kvreplay.traces.workloads import generate

from . import Row

_PROMPTS = 200  # embedded in a round
_QUERIES = 500  # of an index, and replacements
_EQUAL = 1e-6  # cosines that close are of entries equally near


def measure(*, rounds: int, entries: Sequence[int] = (1_000, 10_000)) -> Iterator[Row]:
    """Milliseconds a prompt of every embedder that is installed; microseconds, bytes and recall of every index."""
    prompts = _prompts(max(entries) + 2 * _QUERIES)
    few = prompts[:_PROMPTS]
    for name in embedders.names():
        try:
            embedder = embedders.get(name)
        except CacheError:  # not installed
            continue
        embedder.embed(few)  # seeded ones keep the vectors of words
        seconds = min(_seconds(embedder.embed, [[prompt] for prompt in few]) for _ in range(rounds))
        words = np.mean([len(prompt.split()) for prompt in few])
        yield Row(
            f"Embedders, prompts of {words:.0f} words",
            {"embedder": name, "dimensions": embedder.dimensions, "ms a prompt": seconds * 1e3},
        )
    embedder = embedders.get(embedders.default())
    queries, others, held = np.split(embedder.embed(prompts), [_QUERIES, 2 * _QUERIES])
    for count in entries:
        for name in ("flat", "hnsw"):
            try:
                index = indexes.get(name, embedder.dimensions, count)
            except CacheError:
                continue
            cells = _index(index, held[:count].copy(), queries, others, rounds)
            yield Row(f"Indexes of vectors by {embedder.name}", {"index": name, "entries": count, **cells})


def _index(
    index: VectorIndex, held: np.ndarray, queries: np.ndarray, others: np.ndarray, rounds: int
) -> dict[str, float]:
    """What it costs to fill `index` with `held`, to find what is nearest to `queries`, to put `others` into slots."""
    insert = _seconds(lambda slot: index.put(slot, held[slot]), range(len(held)))
    search = min(_seconds(lambda query: index.search(query, 1), queries) for _ in range(rounds))
    replaced = range(min(len(others), len(held)))

    def replace(slot: int) -> None:
        index.remove(slot)
        index.put(slot, others[slot])

    replacement = min(_seconds(replace, replaced) for _ in range(rounds))
    held[: len(replaced)] = others[: len(replaced)]
    found = np.array([index.search(query, 1)[1][0] for query in queries])
    return {
        "search us": search * 1e6,
        "insert us": insert * 1e6,
        "replace us": replacement * 1e6,
        "bytes an entry": index.nbytes / len(held),
        "recall@1": float(np.mean(found >= (queries @ held.T).max(axis=1) - _EQUAL)),
    }


def _prompts(count: int) -> list[str]:
    """`count` different ones."""
    asked = generate("paraphrased", requests=2 * count, intents=600, verbatim_share=0.0)
    return list(dict.fromkeys(asked.texts()))[:count]


def _seconds(work: Callable[[Any], object], items: Iterable[Any]) -> float:
    """CPU seconds for one of `items`, on average."""
    items = list(items)
    start = time.process_time()
    for item in items:
        work(item)
    return (time.process_time() - start) / len(items)
