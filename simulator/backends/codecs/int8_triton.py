"""The int8 codec as Triton kernels: each element is read and written once."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_VECTORS = 16  # of a program


def encode(pages: Tensor, rows: Tensor) -> bool:
    """Write rows of `pages`; False where an element is not finite. Waits for the kernel to know."""
    vectors = pages[0].numel() // pages.shape[-1]
    refused = torch.zeros(1, dtype=torch.int32, device=pages.device)
    grid = (len(pages), triton.cdiv(vectors, _VECTORS))
    _encode[grid](
        pages,
        rows.view(torch.int8),
        rows.view(torch.bfloat16),
        refused,
        vectors,
        rows.shape[1],
        DIM=pages.shape[-1],
        WIDTH=triton.next_power_of_2(pages.shape[-1]),
        VECTORS=_VECTORS,
    )
    return not refused.item()


def decode(rows: Tensor, pages: Tensor) -> None:
    """Write the pages of `rows`."""
    vectors = pages[0].numel() // pages.shape[-1]
    grid = (len(pages), triton.cdiv(vectors, _VECTORS))
    _decode[grid](
        rows.view(torch.int8),
        rows.view(torch.bfloat16),
        pages,
        vectors,
        rows.shape[1],
        MOST=torch.finfo(pages.dtype).max,
        DIM=pages.shape[-1],
        WIDTH=triton.next_power_of_2(pages.shape[-1]),
        VECTORS=_VECTORS,
    )


@triton.jit
def _encode(
    pages, codes, scales, refused, vectors, stride, DIM: tl.constexpr, WIDTH: tl.constexpr, VECTORS: tl.constexpr
):
    page = tl.program_id(0).to(tl.int64)
    vector = tl.program_id(1) * VECTORS + tl.arange(0, VECTORS)
    channel = tl.arange(0, WIDTH)
    at = vector[:, None] * DIM + channel[None, :]
    inside = (vector[:, None] < vectors) & (channel[None, :] < DIM)
    x = tl.load(pages + page * vectors * DIM + at, mask=inside, other=0.0).to(tl.float32)
    # As integers, magnitudes have the same order, and what is not finite is the largest.
    absmax = tl.max(x.to(tl.int32, bitcast=True) & 0x7FFFFFFF, axis=1)
    tl.atomic_max(refused + vector * 0, (absmax >= 0x7F800000).to(tl.int32), mask=absmax >= 0x7F800000)
    least = absmax.to(tl.float32, bitcast=True) * (1.0 / 127)
    bits = tl.maximum((least.to(tl.int32, bitcast=True) + 0xFFFF) >> 16, 0x0080) << 16
    scale = bits.to(tl.float32, bitcast=True)
    scaled = x * (1.0 / scale)[:, None]
    # Adding 1.5 * 2^23 rounds to nearest even: the whole number is in the low bits.
    code = (scaled + 12582912.0).to(tl.int32, bitcast=True).to(tl.int8)
    tl.store(codes + page * stride + at, code, mask=inside)
    to = (page * stride + vectors * DIM) // 2 + vector
    tl.store(scales + to, scale.to(tl.bfloat16), mask=vector < vectors)


@triton.jit
def _decode(
    codes,
    scales,
    pages,
    vectors,
    stride,
    MOST: tl.constexpr,
    DIM: tl.constexpr,
    WIDTH: tl.constexpr,
    VECTORS: tl.constexpr,
):
    page = tl.program_id(0).to(tl.int64)
    vector = tl.program_id(1) * VECTORS + tl.arange(0, VECTORS)
    channel = tl.arange(0, WIDTH)
    at = vector[:, None] * DIM + channel[None, :]
    inside = (vector[:, None] < vectors) & (channel[None, :] < DIM)
    code = tl.load(codes + page * stride + at, mask=inside, other=0).to(tl.float32)
    frm = (page * stride + vectors * DIM) // 2 + vector
    scale = tl.load(scales + frm, mask=vector < vectors, other=0.0).to(tl.float32)
    x = tl.minimum(tl.maximum(code * scale[:, None], -MOST), MOST)
    tl.store(pages + page * vectors * DIM + at, x.to(pages.dtype.element_ty), mask=inside)
