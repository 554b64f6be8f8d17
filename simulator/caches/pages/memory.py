"""What sharing a prefix saves in memory, counted by a pool whose sequences share it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .page_pool import PagePool
from .prefix_cache import PrefixCache
from .sequences import PagedSequences


class SharedPrefixMemory(NamedTuple):
    """Bytes of K/V, modelled: whole pages are counted, also where a sequence fills a part of its last one."""

    plain: int  # every sequence with pages of its own
    shared: int  # the prefix once
    saved: float  # 1 - shared / plain


def shared_prefix_memory(
    sequences: int, tokens: int, shared: int, *, page_tokens: int, page_bytes: int
) -> SharedPrefixMemory:
    """The K/V of `sequences` sequences of `tokens` tokens each, of which the first `shared` are the same in all."""
    pool = PagePool(sequences * -(-tokens // page_tokens), page_bytes=page_bytes)
    paged = PagedSequences(pool, PrefixCache(pool.capacity, page_tokens=page_tokens, pool=pool))
    plain = 0
    for sequence in range(sequences):
        prompt = np.full(tokens, sequence + 1)
        prompt[:shared] = 0
        admitted = paged.admit(prompt)
        assert admitted is not None  # there are pages for all of them without sharing
        plain += len(admitted.ids) * page_bytes
    return SharedPrefixMemory(plain, pool.stats().bytes, 1 - pool.stats().bytes / plain)
