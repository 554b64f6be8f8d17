"""K/V to measure codecs on, with queries to attend by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from kvreplay.simulator.backends import PageLayout


class Sample(NamedTuple):
    """A sequence of whole pages and queries that come after it."""

    name: str
    pages: Tensor  # (n, *layout.shape)
    queries: Tensor  # (layers, queries, heads, head_dim); heads is a multiple of the layout's kv_heads


def samples(layout: PageLayout, n: int, seed: int = 0) -> Iterator[Sample]:
    """Synthetic sequences of `n` pages: noise, and noise in which keys have channels that are large for all tokens.

    Noise cannot tell layouts of keys apart. The second has a few such channels, as those of models do (KIVI, section
    3.1), but how many and how large is made up: choose a codec on real activations.
    """
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((n, *layout.shape), generator=generator)
    queries = torch.randn((layout.layers, 64, layout.kv_heads, layout.head_dim), generator=generator)
    yield Sample("noise", noise.to(layout.dtype), queries)
    large = torch.ones(layout.layers, layout.kv_heads, layout.head_dim)
    large[..., :: layout.head_dim // 4] = 8
    sign = torch.randn(large.shape, generator=generator).sign()
    noise[:, :, 0] = (noise[:, :, 0] * 0.5 + sign[:, None]) * large[:, None]
    # Large channels of keys meet small ones of queries, or attention would look at one token only.
    yield Sample("noise, large key channels", noise.to(layout.dtype), queries / large[:, None])
