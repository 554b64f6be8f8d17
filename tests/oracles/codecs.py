"""The stored rows of lossy codecs, read element by element from what their files say of the layout."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np


class Element(NamedTuple):
    """An element of a page as its row has it."""

    levels: np.ndarray  # float64: every value that a code could stand for
    code: int  # which of them is stored


def _e4m3() -> np.ndarray:
    """The values of the 256 codes: OCP OFP8 specification, 4 exponent bits of bias 7, 3 of mantissa, no infinities."""
    values = np.empty(256)
    for code in range(256):
        exponent, mantissa = (code >> 3) & 15, code & 7
        magnitude = mantissa * 2.0**-9 if exponent == 0 else (8 + mantissa) * 2.0 ** (exponent - 10)
        values[code] = np.nan if exponent == 15 and mantissa == 7 else magnitude * (-1) ** (code >> 7)
    return values


_E4M3 = _e4m3()
_INT8 = np.concatenate([np.arange(128), np.arange(-128, 0)]).astype(np.float64)  # two's complement
_INT8[128] = np.nan  # -128 is not used


def elements(name: str, row: np.ndarray, shape: tuple[int, ...]) -> dict[tuple[int, ...], Element]:
    """Every element of a page of `shape` (layers, 2, tokens, heads, channels), from its row of bytes."""
    layers, _, tokens, heads, dim = shape
    places = list(product(*map(range, shape)))
    n = len(places)
    if name in ("int8", "fp8", "int8-channel"):
        by_channel = name == "int8-channel"
        halves = [(layers, 1, heads, dim), (layers, tokens, heads, 1)]  # scales of keys, of values
        scales = _bf16(row[n:])
        per_key = int(np.prod(halves[0]))
        found = {}
        for at, (layer, side, token, head, channel) in enumerate(places):
            if not by_channel:
                scale = scales[at // dim]
            elif side == 0:
                scale = scales[:per_key].reshape(halves[0])[layer, 0, head, channel]
            else:
                scale = scales[per_key:].reshape(halves[1])[layer, token, head, 0]
            table = _E4M3 if name == "fp8" else _INT8
            found[places[at]] = Element(table * scale, int(row[at]))
        return found
    bits, group = {"int4-kivi": (4, 64), "int2": (2, 32)}[name]
    in_tokens = max(g for g in range(1, min(group, tokens) + 1) if tokens % g == 0)
    in_channels = max(g for g in range(1, min(group, dim) + 1) if dim % g == 0)
    codes = [row[at * bits // 8] >> (at * bits % 8) & (2**bits - 1) for at in range(n)]
    rest = _bf16(row[n * bits // 8 :])
    key_shape = (layers, tokens // in_tokens, heads, dim)
    value_shape = (layers, tokens, heads, dim // in_channels)
    sizes = [int(np.prod(s)) for s in (key_shape, value_shape)]
    k_scale, v_scale, k_low, v_low = np.split(rest, np.cumsum([*sizes, sizes[0]]))
    found = {}
    for at, (layer, side, token, head, channel) in enumerate(places):
        if side == 0:
            where, scale, low = (layer, token // in_tokens, head, channel), k_scale, k_low
        else:
            where, scale, low = (layer, token, head, channel // in_channels), v_scale, v_low
        grid = (key_shape, value_shape)[side]
        step, least = scale.reshape(grid)[where], low.reshape(grid)[where]
        found[places[at]] = Element(least + step * np.arange(2**bits), int(codes[at]))
    return found


def _bf16(raw: np.ndarray) -> np.ndarray:
    return (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32).astype(np.float64)
