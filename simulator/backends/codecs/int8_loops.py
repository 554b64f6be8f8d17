"""The int8 codec as compiled loops over the bits of bfloat16, at about the speed of a copy."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from torch import Tensor

from kvreplay.jit import jit

from . import groups

_INFINITY = 0x7F80  # its bits: what is not finite has these or more, but for the sign
_SMALLEST_SCALE = int(torch.tensor(groups.SMALLEST_SCALE, dtype=torch.bfloat16).view(torch.int16))  # its bits
_MOST = torch.finfo(torch.bfloat16).max

# Neither contracted nor reassociated, in which case the bytes would no longer be those of the torch code.
_compiled = partial(jit, fastmath={"nnan", "ninf", "nsz"})


def encode(pages: Tensor, rows: Tensor) -> bool:
    """Write rows of bfloat16 `pages`; False where an element is not finite."""
    bits = pages.view(torch.int16).numpy().view(np.uint16)
    return bool(_encode(bits.reshape(-1), rows.numpy().reshape(-1), len(pages), pages[0].numel(), pages.shape[-1]))


def decode(rows: Tensor, pages: Tensor) -> None:
    """Write the pages of `rows`."""
    bits = pages.view(torch.int16).numpy().view(np.uint16)
    _decode(rows.numpy().reshape(-1), bits.reshape(-1), len(pages), pages[0].numel(), pages.shape[-1])


@_compiled
def _encode(bits, rows, pages, elements, dim):
    wide = np.empty(dim, np.uint32)  # one vector as float32, in the first-level cache
    values = wide.view(np.float32)
    word = np.empty(1, np.uint32)
    number = word.view(np.float32)
    codes = rows.view(np.int8)
    vectors = elements // dim
    stride = elements + 2 * vectors
    for page in range(pages):
        source = bits[page * elements : (page + 1) * elements].reshape(vectors, dim)
        target = codes[page * stride : page * stride + elements].reshape(vectors, dim)
        scales = rows[page * stride + elements : (page + 1) * stride].reshape(vectors, 2)
        for vector in range(vectors):
            absmax = np.uint16(0)
            for i in range(dim):  # magnitudes are in the order of their bits: an integer maximum
                absmax = max(absmax, np.uint16(source[vector, i] & np.uint16(0x7FFF)))
            if absmax >= _INFINITY:
                return False
            word[0] = np.uint32(absmax) << np.uint32(16)
            number[0] *= np.float32(1 / 127)
            scale = max((word[0] + np.uint32(0xFFFF)) >> np.uint32(16), np.uint32(_SMALLEST_SCALE))
            scales[vector, 0] = np.uint8(scale & np.uint32(0xFF))
            scales[vector, 1] = np.uint8(scale >> np.uint32(8))
            word[0] = scale << np.uint32(16)
            inverse = np.float32(1) / number[0]
            for i in range(dim):
                wide[i] = np.uint32(source[vector, i]) << np.uint32(16)
            for i in range(dim):
                target[vector, i] = np.int8(np.rint(values[i] * inverse))
    return True


@_compiled
def _decode(rows, bits, pages, elements, dim):
    wide = np.empty(dim, np.uint32)
    values = wide.view(np.float32)
    word = np.empty(1, np.uint32)
    number = word.view(np.float32)
    codes = rows.view(np.int8)
    vectors = elements // dim
    stride = elements + 2 * vectors
    most = np.float32(_MOST)
    for page in range(pages):
        source = codes[page * stride : page * stride + elements].reshape(vectors, dim)
        target = bits[page * elements : (page + 1) * elements].reshape(vectors, dim)
        scales = rows[page * stride + elements : (page + 1) * stride].reshape(vectors, 2)
        for vector in range(vectors):
            word[0] = (np.uint32(scales[vector, 0]) | np.uint32(scales[vector, 1]) << np.uint32(8)) << np.uint32(16)
            scale = number[0]
            for i in range(dim):
                values[i] = min(max(np.float32(source[vector, i]) * scale, -most), most)
            for i in range(dim):  # to nearest even
                odd = (wide[i] >> np.uint32(16)) & np.uint32(1)
                target[vector, i] = np.uint16((wide[i] + np.uint32(0x7FFF) + odd) >> np.uint32(16))
