"""Prompts as vectors: one file per embedder, found by name.

Cosine similarities of two embedders do not compare, so whatever keeps a threshold keeps the embedder's name with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Embedder(Protocol):
    """What every embedder offers. The same texts give the same vectors, in whatever batches they come."""

    name: str  # with the variant, where there are several
    dimensions: int

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(len(texts), dimensions) float32, each row of length 1."""
        ...
