"""What a page of a prefix costs to compute: the floating-point operations of its prefill, modelled.

A token that attends to itself and the c tokens before it takes two operations for each weight of the layers, and
4 x layers x heads x head size x c for attention: half of them for scores, half for values. So a page costs the more the
deeper it stands. Embedding and output head are left out, as in Marconi (Pan et al., "Marconi: Prefix Caching for the
Era of Hybrid LLMs", MLSys 2025): the one is a look-up, the other is computed for the last token of a prompt only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kvreplay.policies.structures.prefixes import depths
from kvreplay.traces.trace import Trace


class Shape(NamedTuple):
    """A dense transformer with grouped-query attention and a gated feed-forward block, by its published config.json."""

    layers: int
    hidden: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_size: int

    @property
    def weights(self) -> int:
        """Of all layers: query, key, value and output projections, and three matrices of the feed-forward block."""
        attention = self.hidden * self.head_size * (2 * self.heads + 2 * self.kv_heads)
        return self.layers * (attention + 3 * self.hidden * self.feed_forward)


MODELS = {
    "llama-3.1-8b": Shape(layers=32, hidden=4096, feed_forward=14336, heads=32, kv_heads=8, head_size=128),
    "llama-3.1-70b": Shape(layers=80, hidden=8192, feed_forward=28672, heads=64, kv_heads=8, head_size=128),
    "qwen3-8b": Shape(layers=36, hidden=4096, feed_forward=12288, heads=32, kv_heads=8, head_size=128),
    "qwen3-32b": Shape(layers=64, hidden=5120, feed_forward=25600, heads=64, kv_heads=8, head_size=128),
}


def page_flops(trace: Trace, model: str) -> np.ndarray:
    """(n_pages,) float64: the operations of computing each page behind its cached prefix, for one of MODELS.

    `trace` has prefix pages. The last page of a prompt may hold fewer tokens than the others.
    """
    assert trace.parent is not None
    assert trace.page_tokens is not None
    shape = MODELS[model]
    before = (depths(trace.parent) - 1) * float(trace.page_tokens)  # tokens in front of each page
    tokens = _tokens(trace, trace.parent, trace.page_tokens).astype(np.float64)
    attended = tokens * before + tokens**2 / 2
    return 2 * shape.weights * tokens + 4 * shape.layers * shape.heads * shape.head_size * attended


def _tokens(trace: Trace, parent: np.ndarray, page_tokens: int) -> np.ndarray:
    """(n_pages,) int64: tokens in each page. Only one that ends a prompt, with none behind it, may be partly full."""
    tokens = np.full(trace.n_pages, page_tokens, np.int64)
    if trace.prompt_tokens is not None:
        counts = np.diff(trace.offsets)
        ends = trace.pages[trace.offsets[1:][counts > 0] - 1]
        rest = trace.prompt_tokens - (counts - 1) * page_tokens
        tokens[ends] = np.clip(rest[counts > 0], 0, page_tokens)
        tokens[parent[parent >= 0]] = page_tokens
    return tokens
