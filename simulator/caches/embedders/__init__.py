"""Prompts as vectors: one file per embedder, found by name.

Cosine similarities of two embedders do not compare, so whatever keeps a threshold keeps the embedder's name with it.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from ..specs import Known, make


class Embedder(Protocol):
    """What every embedder offers. The same texts give the same vectors, in whatever batches they come."""

    name: str  # with the parameters that are not the defaults, as `get` reads it
    version: str  # changes whenever any text's vector does
    dimensions: int

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        """(len(texts), dimensions) float32, each row of length 1.

        Raises CacheError, which tells the text, where one is blank or too long.
        """
        ...


_KNOWN = {
    "idf-seeded": Known(f"{__name__}.idf_seeded", "IdfSeeded"),
    "minilm": Known(f"{__name__}.minilm", "MiniLM"),
    "minilm-int8": Known(f"{__name__}.minilm", "MiniLM", {"precision": "int8"}),
    "transformer-seeded": Known(f"{__name__}.transformer_seeded", "TransformerSeeded"),
    "wordllama": Known(f"{__name__}.wordllama", "WordLlama"),
}


def names() -> list[str]:
    """The embedders there are, installed or not."""
    return list(_KNOWN)


def get(spec: str, **params: Any) -> Embedder:
    """The embedder by name, with parameters behind it (``idf-seeded:seed=1``) or as keyword arguments.

    Raises CacheError for an unknown name and where what it needs is not installed, ParameterError for wrong parameters.
    """
    return make("embedder", spec, _KNOWN, params)


def default() -> str:
    """The embedder for those who name none: wordllama where the extra `embed` is installed, and else idf-seeded.

    Results must name the one that it was.
    """
    installed = all(importlib.util.find_spec(module) for module in ("safetensors", "tokenizers", "wordllama"))
    return "wordllama" if installed else "idf-seeded"
