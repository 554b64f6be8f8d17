"""8-bit integers with a scale per token and head: the default. Where the scale comes from: `groups.scales`.

Three ways to the same bytes: torch; a compiled loop for bfloat16 on a CPU with numba (`int8_loops`); Triton on CUDA
(`int8_triton`), where a code may differ by one.
"""

from __future__ import annotations

import importlib.util

import torch
from torch import Tensor

from kvreplay.jit import HAS_NUMBA

from . import groups
from .base import KVCodec

_HAS_TRITON = importlib.util.find_spec("triton") is not None


class Codec(KVCodec):
    """A row is a byte per element, then a bfloat16 scale per token and head."""

    @property
    def row_bytes(self) -> int:
        return self.layout.elements + 2 * (self.layout.elements // self.layout.head_dim)

    def _encode(self, pages: Tensor, rows: Tensor) -> None:
        if pages.is_cuda and _HAS_TRITON:
            from . import int8_triton

            finite = int8_triton.encode(pages, rows)
        elif not pages.is_cuda and pages.dtype == torch.bfloat16 and HAS_NUMBA:
            from . import int8_loops

            finite = int8_loops.encode(pages, rows)
        else:
            finite = all(encode(few, their) for few, their in self._chunks(pages, rows))
        if not finite:
            raise self._refuse(pages)

    def _decode(self, rows: Tensor, pages: Tensor) -> None:
        if pages.is_cuda and _HAS_TRITON:
            from . import int8_triton

            int8_triton.decode(rows, pages)
        elif not pages.is_cuda and pages.dtype == torch.bfloat16 and HAS_NUMBA:
            from . import int8_loops

            int8_loops.decode(rows, pages)
        else:
            for few, their in self._chunks(pages, rows):
                decode(their, few)


def encode(pages: Tensor, rows: Tensor) -> bool:
    """Write rows of `pages`; False where an element is not finite."""
    x = pages.float()
    absmax = x.abs().amax(dim=-1, keepdim=True)
    if not torch.isfinite(absmax).all():
        return False
    scale = groups.scales(absmax, 127)
    codes = (x * scale.float().reciprocal()).round_().to(torch.int8)
    torch.cat([part.view(len(pages), -1).view(torch.uint8) for part in (codes, scale)], dim=1, out=rows)
    return True


def decode(rows: Tensor, pages: Tensor) -> None:
    """Write the pages of `rows`."""
    elements = pages[0].numel()
    codes, scales = (part.contiguous() for part in rows.tensor_split([elements], dim=1))
    x = codes.view(torch.int8).view(pages.shape).float()
    groups.store(x * scales.view(torch.bfloat16).view(*pages.shape[:-1], 1).float(), pages)
