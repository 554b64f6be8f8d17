"""Copying pages within a tensor on a GPU: one kernel, each byte read and written once."""

from __future__ import annotations

import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 4096  # words of a program: 32 KiB


def copy_pages(rows: Tensor, src: Tensor, dst: Tensor) -> None:
    """rows[dst[i]] = rows[src[i]] for (n, words) int64 `rows`; no row is in both, and none twice in `dst`."""
    words = rows.shape[1]
    if len(src):
        _copy[(len(src), triton.cdiv(words, _BLOCK))](rows, src, dst, words, BLOCK=_BLOCK)


@triton.jit
def _copy(rows, src, dst, words, BLOCK: tl.constexpr):
    pair = tl.program_id(0)
    word = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = word < words
    there = tl.load(rows + tl.load(src + pair) * words + word, mask=inside)
    tl.store(rows + tl.load(dst + pair) * words + word, there, mask=inside)
