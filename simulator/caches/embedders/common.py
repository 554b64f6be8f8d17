"""What embedders share: their names, the prompts they refuse, vectors of length 1, seeded vectors of tokens."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import CacheError


def label(kind: type, name: str, **params: Any) -> str:
    """`name`, and behind it those of an embedder's parameters that are not the defaults of its class `kind`."""
    defaults = inspect.signature(kind).parameters
    return ":".join([name, *(f"{key}={value}" for key, value in params.items() if value != defaults[key].default)])


def check_texts(embedder: str, texts: Sequence[str]) -> None:
    """Raises CacheError for the first text that holds nothing but white space, or half a surrogate pair."""
    for i, text in enumerate(texts):
        if not text.strip():
            raise CacheError(f"embedder {embedder}: text {i} is blank; leave blank prompts out")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            wrong = f"text {i}, {text[:40]!r}, has half a surrogate pair"
            raise CacheError(f"embedder {embedder}: {wrong}; correct its encoding") from error


def unit(embedder: str, vectors: np.ndarray) -> np.ndarray:
    """The (N, D) `vectors` as float32 of length 1. Raises CacheError where one has no direction: zero or NaN."""
    lengths = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    good = (lengths > 0) & np.isfinite(lengths)
    if not good.all():
        bad = int(np.argmin(good))
        raise CacheError(
            f"embedder {embedder}: the vector of text {bad} is of length {lengths[bad]}; its model is damaged"
        )
    return (vectors / lengths[:, None]).astype(np.float32)


@functools.lru_cache(maxsize=1 << 16)
def seeded_vector(seed: int, number: int, dimensions: int) -> np.ndarray:
    """(dimensions,) float32, standard normal: always the same for a seed and a number."""
    vector = np.random.Generator(np.random.Philox(key=[seed, number])).standard_normal(dimensions, np.float32)
    vector.flags.writeable = False
    return vector
