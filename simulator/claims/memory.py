"""Claimed memory: what K/V pages take, counted by a page pool and by codecs."""

from __future__ import annotations

from collections.abc import Iterator

from kvreplay.simulator.caches.pages.memory import shared_prefix_memory


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

    A page takes what `codec` stores it in.
    """
    from kvreplay.simulator.backends import PageLayout, codecs

    page_bytes = codecs.get(codec, PageLayout(layers, page_tokens, kv_heads, head_dim)).row_bytes
    common = round(shared * tokens)
    memory = shared_prefix_memory(sequences, tokens, common, page_tokens=page_tokens, page_bytes=page_bytes)
    yield float(memory.shared)


def codec_saving(*, codec: str, plain_bits: int, head_dim: int) -> Iterator[float]:
    """The share of the memory of pages with `plain_bits` a number that `codec` saves, scales counted."""
    from kvreplay.simulator.backends import PageLayout, codecs

    layout = PageLayout(layers=1, page_tokens=16, kv_heads=1, head_dim=head_dim)
    yield 1 - 8 * codecs.get(codec, layout).row_bytes / (plain_bits * layout.elements)
