"""WordLlama: a real table of word pieces' vectors, averaged. As fast as the seeded embedder, and it knows synonyms.

Miller, WordLlama (https://github.com/dleemiller/WordLlama): 256 dimensions distilled from the token tables of large
language models; table and tokenizer lie in the package. Word order counts for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .common import check_texts, content_version, package_file, require, unit


class WordLlama:
    """The mean of the vectors of a text's tokens. Raises CacheError where the extra `embed` is not installed."""

    name = "wordllama"

    def __init__(self) -> None:
        tokenizers = require(self.name, "tokenizers")
        safetensors = require(self.name, "safetensors.numpy")
        # The package's own way to load these looks for them on the network.
        weights = package_file(self.name, "wordllama", "weights/l2_supercat_256.safetensors")
        config = package_file(self.name, "wordllama", "tokenizers/l2_supercat_tokenizer_config.json")
        self._table = safetensors.load_file(weights)["embedding.weight"].astype(np.float32)  # (tokens, 256)
        self._tokenizer = tokenizers.Tokenizer.from_file(str(config))
        self.dimensions = self._table.shape[1]
        self.version = content_version(1, weights, config)

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        check_texts(self.name, texts)
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for i, text in enumerate(texts):
            tokens = self._tokenizer.encode(text, add_special_tokens=False).ids
            vectors[i] = self._table[tokens].mean(axis=0)
        return unit(self.name, vectors)
