"""K/V to measure codecs on, with queries to attend by: made up, and of a real model on real text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kvreplay.simulator.backends import PageLayout
from kvreplay.simulator.backends.model import Llama, LlamaShape, PagedModel
from kvreplay.simulator.backends.model.llama import Weights


class Sample(NamedTuple):
    """A sequence of whole pages and queries that come after it."""

    name: str
    pages: Tensor  # (n, *layout.shape)
    queries: Tensor  # (layers, queries, heads, head_dim) float32; heads is a multiple of the layout's kv_heads
    layout: PageLayout


def samples(layout: PageLayout, n: int, seed: int = 0) -> Iterator[Sample]:
    """Synthetic sequences of `n` pages: noise, and noise in which keys have channels that are large for all tokens.

    Noise cannot tell layouts of keys apart. The second has a few such channels, as those of models do (KIVI, section
    3.1), but how many and how large is made up: choose a codec on real activations.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((n, *layout.shape), generator=generator)
    queries = torch.randn((layout.layers, 64, layout.kv_heads, layout.head_dim), generator=generator)
    yield Sample("noise", noise.to(layout.dtype), queries, layout)
    large = torch.ones(layout.layers, layout.kv_heads, layout.head_dim)
    large[..., :: layout.head_dim // 4] = 8
    sign = torch.randn(large.shape, generator=generator).sign()
    noise[:, :, 0] = (noise[:, :, 0] * 0.5 + sign[:, None]) * large[:, None]
    # Large channels of keys meet small ones of queries, or attention would look at one token only.
    yield Sample("noise, large key channels", noise.to(layout.dtype), queries / large[:, None], layout)


def activations(name: str, model: Llama, prefix: np.ndarray, following: np.ndarray, page_tokens: int) -> Sample:
    """K/V of `prefix`, (n,) tokens that fill pages, in `model`, and the queries of `following`, (m,), behind it."""
    watched = _Watched(model.shape, model.weights, rows=model.rows)
    paged = PagedModel(watched, len(prefix) // page_tokens, page_tokens=page_tokens, kv_dtype=torch.bfloat16)
    prefilled = paged.prefill(prefix)
    assert prefilled is not None  # the pool is made for it
    watched.queries.clear()
    paged.run([(prefilled[0], following)])
    pages = paged.pool.data[torch.from_numpy(paged.pool.read(prefilled[0].ids)).long()]
    return Sample(name, pages, torch.stack(watched.queries), paged.pool.layout)


class _Watched(Llama):
    """Keeps the queries of each layer, (n, heads, head_dim)."""

    def __init__(self, shape: LlamaShape, weights: Weights, *, rows: int) -> None:
        super().__init__(shape, weights, rows=rows)
        self.queries: list[Tensor] = []

    def attend(self, queries: Tensor, kv: Tensor, start: int) -> Tensor:
        self.queries.append(queries.float())
        return super().attend(queries, kv, start)
