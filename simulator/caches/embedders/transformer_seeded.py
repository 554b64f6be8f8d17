"""What a transformer does before its first layer, with random weights: token plus position, normalized, averaged.

32,000 tokens, 768 dimensions and 512 positions, as a claim about semantic caching has it. Positions blur what little a
bag of random words tells, and no word is weighted: a floor to compare with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from annotated_types import Interval

from kvreplay.traces.tokenizers import tokenize

from ..errors import CacheError
from ..specs import label
from .common import check_texts, seeded_vector, unit

_TOKENS = 32_000  # words share them by hash
_POSITIONS = 512


class TransformerSeeded:
    """Random vectors of token and position, added, layer-normalized and averaged over the text."""

    version = "1"
    dimensions = 768

    def __init__(self, *, seed: Annotated[int, Interval(ge=0, lt=2**63)] = 0) -> None:
        self.name = label(TransformerSeeded, "transformer-seeded", seed=seed)
        self._seed = seed

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        check_texts(self.name, texts)
        tokens, offsets = tokenize([text.lower() for text in texts])
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for i, (start, stop) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
            if stop - start > _POSITIONS:
                what = f"{texts[i][:40]!r}… has {stop - start} tokens, there are {_POSITIONS} positions"
                raise CacheError(f"embedder {self.name}: {what}; cut it, or take wordllama or idf-seeded")
            known = self._rows((tokens[start:stop] % _TOKENS).tolist())
            places = self._rows(range(_TOKENS, _TOKENS + stop - start))
            vectors[i] = _layer_norm(known + places).mean(axis=0)
        return unit(self.name, vectors)

    def _rows(self, numbers: Sequence[int]) -> np.ndarray:
        return np.stack([seeded_vector(self._seed, number, self.dimensions) for number in numbers])


def _layer_norm(rows: np.ndarray) -> np.ndarray:
    centred = rows - rows.mean(axis=1, keepdims=True)
    return centred / centred.std(axis=1, keepdims=True)
