"""Keys per channel, values per token, in groups with a scale and a minimum each: the layout of KIVI.

Liu et al., "KIVI: A Tuning-Free Asymmetric 2bit Quantization for KV Cache", ICML 2024, section 3. A channel of keys
that is large is large for all tokens; values have no such channels. A group is `group` tokens of a channel (keys) or
`group` channels of a token (values), or the largest divisor of what the page has. Unlike KIVI's, groups of keys end
with the page, and the newest tokens are quantized like the others.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..layout import PageLayout
from . import groups
from .base import KVCodec


class Codec(KVCodec):
    """Codes of `bits` bits, 2 or 4, packed; a row is codes, scales of keys, of values, minima of keys, of values."""

    def __init__(self, layout: PageLayout, *, bits: int, group: int) -> None:
        super().__init__(layout)
        self._bits = bits
        self._tokens = groups.largest_divisor(layout.page_tokens, group)
        self._channels = groups.largest_divisor(layout.head_dim, group)
        half = layout.elements // 2
        self._groups = (half // self._tokens, half // self._channels)  # of keys, of values
        self._parts = [layout.elements * bits // 8, *(2 * n for n in (*self._groups, *self._groups))]  # bytes

    @property
    def row_bytes(self) -> int:
        return sum(self._parts)

    def _encode(self, pages: Tensor, rows: Tensor) -> None:
        for few, their in self._chunks(pages, rows):
            pieces = [groups.affine(x, axis, 2**self._bits - 1) for x, axis in self._grouped(few.float())]
            if pieces[0] is None or pieces[1] is None:
                raise self._refuse(pages)
            codes, scales, lows = zip(*pieces, strict=True)
            both = torch.stack([part.view(few[:, :, 0].shape) for part in codes], dim=2)
            parts = [groups.pack(both.view(len(few), -1), self._bits), *scales, *lows]
            for part, to in zip(parts, their.split(self._parts, dim=1), strict=True):
                to.copy_(part.reshape(len(few), -1).view(torch.uint8))

    def _decode(self, rows: Tensor, pages: Tensor) -> None:
        for few, their in self._chunks(pages, rows):
            packed, *parts = their.split(self._parts, dim=1)
            scales_and_lows = [part.contiguous().view(torch.bfloat16).float() for part in parts]
            codes = groups.unpack(packed, self._bits).view(few.shape).float()
            for side, (x, axis) in enumerate(self._grouped(codes)):
                kept = [size if i != axis else 1 for i, size in enumerate(x.shape)]
                scale, low = (part.view(kept) for part in scales_and_lows[side::2])
                groups.store(x * scale + low, few[:, :, side])

    def _grouped(self, x: Tensor) -> list[tuple[Tensor, int]]:
        """Keys and values of `x`, (n, *layout.shape), with an axis along which a group lies, and that axis."""
        n, layers, _, tokens, heads, dim = x.shape
        keys = x[:, :, 0].reshape(n, layers, tokens // self._tokens, self._tokens, heads, dim)
        values = x[:, :, 1].reshape(n, layers, tokens, heads, dim // self._channels, self._channels)
        return [(keys, 3), (values, 5)]
