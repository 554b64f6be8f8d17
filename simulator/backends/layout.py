"""What one page of K/V looks like in memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

_DTYPES = (torch.bfloat16, torch.float16, torch.float32)


class LayoutError(ValueError):
    """A page layout that no model has."""


@dataclass(frozen=True)
class PageLayout:
    """The shape and type of a page: K and V of `page_tokens` tokens in every layer, one contiguous run of memory.

    `shape` is (layers, 2, page_tokens, kv_heads, head_dim), keys at index 0 of the second axis and values at 1.
    Raises LayoutError where a size is not positive, `head_dim` is no multiple of 4, or the type is not bfloat16,
    float16 or float32.
    """

    layers: int
    page_tokens: int
    kv_heads: int
    head_dim: int
    dtype: torch.dtype = torch.bfloat16

    def __post_init__(self) -> None:
        for name in ("layers", "page_tokens", "kv_heads", "head_dim"):
            if getattr(self, name) < 1:
                raise LayoutError(f"page layout: {name} is {getattr(self, name)}; give 1 or more")
        if self.head_dim % 4:
            raise LayoutError(f"page layout: head_dim is {self.head_dim}; give a multiple of 4")
        if self.dtype not in _DTYPES:
            raise LayoutError(f"page layout: dtype is {self.dtype}; give bfloat16, float16 or float32")

    @property
    def shape(self) -> tuple[int, int, int, int, int]:
        return (self.layers, 2, self.page_tokens, self.kv_heads, self.head_dim)

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.elements * self.dtype.itemsize
