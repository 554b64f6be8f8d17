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
    sequences: int = 100,
    tokens: int = 1_000,
    shared: int = 800,
    *,
    layers: int = 100,
    kv_heads: int = 4,
    head_dim: int = 128,
    element_bytes: int = 2,
    page_tokens: int = 16,
) -> SharedPrefixMemory:
    """The K/V of `sequences` sequences of `tokens` tokens each, of which the first `shared` are the same in all.

    With 4 heads of 128 16-bit numbers, K and V, a token takes 2,048 bytes in each layer: the sequences of the defaults
    20.48 GB in all.
    """
    page_bytes = 2 * layers * kv_heads * head_dim * element_bytes * page_tokens
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
