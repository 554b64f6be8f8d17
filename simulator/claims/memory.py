"""Claimed memory: what K/V pages take, counted by a page pool and by codecs."""

from __future__ import annotations

from collections.abc import Iterator

from kvreplay.simulator.caches.pages import PagePool


def kv_memory(
    *,
    sequences: int,
    tokens: int,
    layers: int,
    kv_heads: int,
    head_dim: int,
    page_tokens: int,
    shared: float = 0.0,
    codec: str = "none",
) -> Iterator[float]:
    """Bytes of the bfloat16 K/V pages of `sequences` that hold `tokens` each, the first `shared` share in common.

    Counted by a page pool: pages are whole, and a shared page is there once. A page takes what `codec` stores it in.
    """
    from kvreplay.simulator.backends import PageLayout, codecs

    page_bytes = codecs.get(codec, PageLayout(layers, page_tokens, kv_heads, head_dim)).row_bytes
    common = int(shared * tokens) // page_tokens
    own = -(-tokens // page_tokens) - common
    pool = PagePool(common + sequences * own, page_bytes=page_bytes)
    prefix = pool.create(common)
    for number in range(sequences):
        if number:
            pool.share(prefix)
        pool.create(own)
    yield float(pool.stats().bytes)


def codec_saving(*, codec: str, plain_bits: int, head_dim: int) -> Iterator[float]:
    """The share of the memory of pages with `plain_bits` a number that `codec` saves, scales counted."""
    from kvreplay.simulator.backends import PageLayout, codecs

    layout = PageLayout(layers=1, page_tokens=16, kv_heads=1, head_dim=head_dim)
    yield 1 - 8 * codecs.get(codec, layout).row_bytes / (plain_bits * layout.elements)
