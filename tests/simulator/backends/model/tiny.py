"""A Llama small enough to run in a test, with groups of heads."""

from __future__ import annotations

import numpy as np

from kvreplay.simulator.backends.model import Llama, LlamaShape, PagedModel

SHAPE = LlamaShape(layers=2, hidden=48, feed_forward=96, heads=6, kv_heads=2, head_dim=16, vocabulary=61)
MODEL = Llama.random(SHAPE)


def paged(capacity: int = 200, page_tokens: int = 4, model: Llama = MODEL, **options) -> PagedModel:
    return PagedModel(model, capacity, page_tokens=page_tokens, **options)


def tokens(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, SHAPE.vocabulary, n)


def content(of: PagedModel, sequence) -> np.ndarray:
    """K/V of the sequence's tokens, in order: what of its last page is not used is left out."""
    kv = of.pool.data[of.pool.read(sequence.ids)].movedim(3, 1).flatten(0, 1)
    return kv[: sequence.length].clone()
