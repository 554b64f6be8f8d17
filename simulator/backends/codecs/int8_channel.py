"""8-bit integers: keys with a scale per channel and head over the page's tokens, values per token and head."""

from __future__ import annotations

import torch
from torch import Tensor

from . import groups
from .base import KVCodec


class Codec(KVCodec):
    """A row is a byte per element, then the bfloat16 scales of keys, then those of values."""

    @property
    def row_bytes(self) -> int:
        return self.layout.elements + 2 * sum(self._scales)

    @property
    def _scales(self) -> tuple[int, int]:
        """How many scales keys and values have."""
        half = self.layout.elements // 2
        return half // self.layout.page_tokens, half // self.layout.head_dim

    def _encode(self, pages: Tensor, rows: Tensor) -> None:
        for few, their in self._chunks(pages, rows):
            x = few.float()
            codes = torch.empty(few.shape, dtype=torch.int8, device=few.device)
            scales = []
            for side, axis in enumerate((-3, -1)):  # over tokens, over channels
                part = x[:, :, side]
                absmax = part.abs().amax(dim=axis, keepdim=True)
                if not torch.isfinite(absmax).all():
                    raise self._refuse(pages)
                scale = groups.scales(absmax, 127)
                codes[:, :, side] = (part * scale.float().reciprocal()).round_()
                scales.append(scale.view(len(few), -1).view(torch.uint8))
            torch.cat([codes.view(len(few), -1).view(torch.uint8), *scales], dim=1, out=their)

    def _decode(self, rows: Tensor, pages: Tensor) -> None:
        layers, _, tokens, heads, dim = self.layout.shape
        for few, their in self._chunks(pages, rows):
            codes, *scales = their.split([self.layout.elements, *(2 * n for n in self._scales)], dim=1)
            x = codes.contiguous().view(torch.int8).view(few.shape).float()
            for side, (scale, kept) in enumerate(zip(scales, ((1, heads, dim), (tokens, heads, 1)), strict=True)):
                steps = scale.contiguous().view(torch.bfloat16).view(len(few), layers, *kept).float()
                groups.store(x[:, :, side] * steps, few[:, :, side])
