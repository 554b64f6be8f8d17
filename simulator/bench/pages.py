"""Bookkeeping of shared pages, without content: the pool's calls, a prefix cache's, and the memory that sharing saves.

On the CPU clock, the best of the rounds. What vLLM takes is claimed, not measured here: vLLM 0.33 on another machine,
its BlockPool for the pool, the 160,000 blocks a second of its prefix-cache code for the lookup.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from kvreplay.simulator.caches.pages import PagePool, PrefixCache
from kvreplay.simulator.caches.pages.memory import shared_prefix_memory

from . import Row

_POOL_CLAIMED = {1: 0.78, 64: 0.28, 1024: 0.26}  # us a page of vLLM's BlockPool
_LOOKUP_CLAIMED = 1e6 / 160_000  # us a block
_PAGES = 1 << 16  # of the pool; every call is made for a quarter of them


def measure(*, rounds: int) -> Iterator[Row]:
    """Microseconds a page at 1, 64 and 1,024 pages a call, and bytes of sequences that share a prefix."""
    for n in _POOL_CLAIMED:
        yield Row("Pool, us a page", {"pages at once": n, **_best(_pool, n, rounds), "vLLM, claimed": _POOL_CLAIMED[n]})
    for n in _POOL_CLAIMED:
        cells: dict[str, Any] = {
            "pages in prompt": n,
            **_best(_prefix_cache, n, rounds),
            "vLLM lookup, claimed": _LOOKUP_CLAIMED,
        }
        yield Row("Prefix cache, us a page of 16 tokens", cells)
    for page_tokens in (1, 16, 64, 256):
        memory = shared_prefix_memory(
            100, 1_000, 800, page_tokens=page_tokens, page_bytes=page_tokens * 100 * 2 * 4 * 128 * 2
        )
        yield Row(
            "100 sequences of 1,000 tokens, 100 layers of 4 KV heads x 128 x 16 bits, 80 % a shared prefix; modelled",
            {
                "page tokens": page_tokens,
                "plain GB": memory.plain / 1e9,
                "shared GB": memory.shared / 1e9,
                "saved %": 100 * memory.saved,
            },
        )


def _pool(n: int) -> dict[str, float]:
    pool = PagePool(_PAGES)
    held, spent = _timed(pool.create, [n] * (_PAGES // 4 // n))
    us = {"create": spent}
    _, us["read"] = _timed(pool.read, held)
    _, us["write in place"] = _timed(pool.write, held)
    _, us["share"] = _timed(pool.share, held)
    _, us["write a copy"] = _timed(pool.write, held)
    _, us["release"] = _timed(pool.release, held)
    return {call: spent / n for call, spent in us.items()}


def _prefix_cache(n: int) -> dict[str, float]:
    prompts = list(np.random.default_rng(0).integers(0, 50_000, (_PAGES // 4 // n, 16 * n), np.uint32))
    cache = PrefixCache(_PAGES)
    us: dict[str, float] = {}
    missed, us["lookup, a miss"] = _timed(cache.lookup, prompts)
    _, us["insert"] = _timed(cache.insert, missed)
    _, us["release"] = _timed(cache.release, missed)
    _, us["lookup, a hit"] = _timed(cache.lookup, prompts)
    return {call: spent / n for call, spent in us.items()}


def _best(measure_once: Callable[[int], dict[str, float]], n: int, rounds: int) -> dict[str, float]:
    measure_once(n)  # compiles
    measured = [measure_once(n) for _ in range(rounds)]
    return {call: min(us[call] for us in measured) for call in measured[0]}


def _timed(call: Callable[[Any], Any], arguments: list) -> tuple[list, float]:
    """What the calls return, and microseconds of each."""
    start = time.thread_time()
    returned = [call(argument) for argument in arguments]
    return returned, 1e6 * (time.thread_time() - start) / len(arguments)
