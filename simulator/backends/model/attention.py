"""Attention of a few tokens of one sequence on keys and values that lie in pages, always in products of one shape.

Keys are taken `KEYS` at a time and the results added in order. So what a query gets depends, to the bit, on the tokens
before it alone: keys that it does not see add zeros, whether they are there or not.
"""

from __future__ import annotations

import torch
from torch import Tensor

KEYS = 128  # of a product


def gather(data: Tensor, layer: int, pages: Tensor, start: int, new: Tensor) -> Tensor:
    """K and V of a sequence, (2, blocks, kv_heads, KEYS, head_dim), filled up with zeros.

    Those of `start` tokens are in `pages`, (m,), of a pool's `data`; `new`, (n, 2, kv_heads, head_dim), follow.
    """
    n, _, heads, dim = new.shape
    blocks = -(-(start + n) // KEYS)
    kv = new.new_zeros(blocks * KEYS, 2, heads, dim)
    if start:
        kv[:start] = data[pages, layer].transpose(1, 2).flatten(0, 1)[:start]
    kv[start : start + n] = new
    return kv.view(blocks, KEYS, 2, heads, dim).permute(2, 0, 3, 1, 4).contiguous()


def attend(queries: Tensor, kv: Tensor, start: int, rows: int) -> Tensor:
    """(n, heads, head_dim): what `queries`, (n, heads, head_dim), get from `kv`, as gathered, up to their own position.

    The first is at `start`. Queries go `rows` at a time.
    """
    parts = []
    for block in queries.split(rows):
        seen = -(-(start + len(block)) // KEYS)
        parts.append(_attend(block, kv[:, :seen], start, rows))
        start += rows
    return torch.cat(parts)


def _attend(queries: Tensor, kv: Tensor, start: int, rows: int) -> Tensor:
    n, heads, dim = queries.shape
    _, blocks, kv_heads, _, _ = kv.shape
    group = heads // kv_heads
    q = queries.new_zeros(rows, kv_heads, group, dim)
    q[:n] = (queries * dim**-0.5).view(n, kv_heads, group, dim)
    q = q.permute(1, 2, 0, 3).reshape(kv_heads, group * rows, dim).repeat(blocks, 1, 1)
    keys, values = kv.flatten(1, 2)  # (blocks * kv_heads, KEYS, head_dim) each
    scores = q.bmm(keys.transpose(1, 2)).view(blocks, kv_heads, group, rows, KEYS)
    query_at = torch.arange(start, start + rows, device=q.device)
    key_at = torch.arange(blocks * KEYS, device=q.device).view(blocks, 1, KEYS)
    scores.masked_fill_((key_at > query_at[:, None])[:, None, None], -torch.inf)
    shares = (scores - scores.amax((0, 4), keepdim=True)).exp_()
    mixed = shares.view(-1, group * rows, KEYS).bmm(values).view(blocks, kv_heads, group, rows, dim)
    result = _in_order(mixed) / _in_order(shares.sum(-1, keepdim=True))  # (kv_heads, group, rows, head_dim)
    return result.permute(2, 0, 1, 3).reshape(rows, heads, dim)[:n]


def _in_order(parts: Tensor) -> Tensor:
    """The sum over the first axis, one after the other: zeros at the end change nothing, as they might in `sum`."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
