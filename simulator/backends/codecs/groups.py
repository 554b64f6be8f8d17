"""Quantizing groups of elements that share a scale, in torch; packing codes into bytes; rounding scales to bfloat16.

Scales are bfloat16, which has the range of float32, and are rounded up and used as stored: no code is ever clipped,
for a step at most 1/128 wider. They are at least the smallest normal number, so that 1 / scale is finite.
"""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST_SCALE = torch.finfo(torch.bfloat16).tiny


def largest_divisor(length: int, most: int) -> int:
    """The largest divisor of `length` that is at most `most`: the group size along an axis."""
    return next(size for size in range(min(most, length), 0, -1) if length % size == 0)


def round_up(x: Tensor) -> Tensor:
    """The smallest bfloat16 that is no less than each float32 of `x`, which must be finite and not negative."""
    bits = (x.view(torch.int32) + 0xFFFF) >> 16
    return bits.to(torch.int16).view(torch.bfloat16)


def round_down(x: Tensor) -> Tensor:
    """The largest bfloat16 that is no more than each finite float32 of `x`, or the lowest finite one."""
    bits = x.view(torch.int32)
    bits = torch.where(x < 0, bits + 0xFFFF, bits) >> 16
    return bits.to(torch.int16).view(torch.bfloat16).clamp(min=torch.finfo(torch.bfloat16).min)


def scales(absmax: Tensor, top: float) -> Tensor:
    """bfloat16 scales with which codes up to `top` reach `absmax`, float32."""
    return round_up((absmax * (1 / top)).clamp(min=SMALLEST_SCALE))


def affine(x: Tensor, axis: int, levels: int) -> tuple[Tensor, Tensor, Tensor] | None:
    """Codes 0 to `levels` (uint8), scales and minima (bfloat16, `axis` of length 1) of float32 `x`.

    None where an element is not finite, or a group spans more than float32 can tell.
    """
    low, high = x.amin(axis, keepdim=True), x.amax(axis, keepdim=True)  # aminmax takes 10 times as long on a CPU
    if not torch.isfinite(high - low).all():
        return None
    low = round_down(low)
    scale = scales(high - low.float(), levels)
    codes = ((x - low.float()) * scale.float().reciprocal()).round_().clamp_(0, levels)
    return codes.to(torch.uint8), scale, low


def pack(codes: Tensor, bits: int) -> Tensor:
    """Codes of 2 or 4 bits, uint8 (n, elements), several to a byte, the first lowest: (n, elements * bits // 8)."""
    per_byte = 8 // bits
    packed = codes[:, ::per_byte].clone()
    for i in range(1, per_byte):
        packed |= codes[:, i::per_byte] << (bits * i)
    return packed


def unpack(packed: Tensor, bits: int) -> Tensor:
    """What `pack` packed."""
    shifts = torch.arange(0, 8, bits, dtype=torch.uint8, device=packed.device)
    return ((packed[..., None] >> shifts) & (2**bits - 1)).flatten(1)


def store(x: Tensor, pages: Tensor) -> None:
    """Write float32 `x` to `pages`, rounded to nearest even; what a widened step took past the largest number is it."""
    most = torch.finfo(pages.dtype).max
    pages.copy_(x.clamp_(-most, most).view(pages.shape))
