"""Prompts as vectors: one file per embedder, found by name.

Cosine similarities of two embedders do not compare, so whatever keeps a threshold keeps the embedder's name with it.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from kvreplay import parameters

from ..errors import CacheError


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


# name -> (module in this folder, class); the class is called with its parameters.
_CLASSES = {"idf-seeded": ("idf_seeded", "IdfSeeded")}


def names() -> list[str]:
    """The embedders there are, installed or not."""
    return list(_CLASSES)


def get(spec: str, **params: Any) -> Embedder:
    """The embedder by name, with parameters behind it (``idf-seeded:seed=1``) or as keyword arguments.

    Raises CacheError for an unknown name and where what it needs is not installed, ParameterError for wrong parameters.
    """
    name, *pairs = spec.split(":")
    if name not in _CLASSES:
        raise CacheError(f"unknown embedder {name!r}, {parameters.nearest(name, names())}")
    module, kind = _CLASSES[name]
    embedder = getattr(importlib.import_module(f".{module}", __package__), kind)
    given = parameters.parse_pairs(pairs, f"embedder {name!r}") | params
    return embedder(**parameters.check(embedder.__init__, f"embedder {name!r}", given))


def default() -> str:
    """The embedder for those who name none; results name the one that it was."""
    return "idf-seeded"
