"""A bag of words that needs nothing installed: a random vector per word, weighted by how rare the word is.

Texts are as similar as the share of rare words that they have in common: synonyms count for nothing, nor does word
order, so that a sentence and its reversal have cosine 1. The rarity is that of English, and no data set is behind it:
a word's frequency follows from its place among the commonest words by Zipf's law. Counted over a trace, it would know
the future, and a text would have other vectors in other experiments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from annotated_types import Interval

from kvreplay.traces.tokenizers import tokenize

from ..specs import label
from .common import check_texts, seeded_vector, unit

# Marks and words of English, roughly the commonest first; the pieces are those of contractions ("don't" is don ' t).
_COMMONEST = """
? . , ' ! - the of and to a in is i it that you for on was with as my be at have this are not what but or can from do me
your how we an by if they will there he his all which her one would she their has when so no out up about who more get
been just like were into than them then some its only other time could any these two new now over also did want need
please why where does know make go see should am use very after our us way even because back give take most him come
think work first may tell many much too here help let off say find got had down good day don doesn isn t s ll m ve d re
"""

# Zipf, "Human behavior and the principle of least effort" (1949): the word of rank r is about 1 / (10 r) of all words.
_ZIPF = 0.1
_OTHER_RANK = 2000  # taken for that of any word not listed
_WORDS = 12  # of a typical question


class IdfSeeded:
    """The mean of its words' random vectors, each weighted by the word's inverse document frequency."""

    version = "1"

    def __init__(
        self,
        *,
        dimensions: Annotated[int, Interval(ge=16, le=1024)] = 256,
        seed: Annotated[int, Interval(ge=0, lt=2**63)] = 0,
    ) -> None:
        self.name = label(IdfSeeded, "idf-seeded", dimensions=dimensions, seed=seed)
        self.dimensions = dimensions
        self._seed = seed

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        check_texts(self.name, texts)
        tokens, offsets = tokenize([text.lower() for text in texts])
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        for i, (start, stop) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)):
            words = tokens[start:stop].tolist()
            weights = np.array([_IDF.get(word, _OTHER_IDF) for word in words], np.float32)
            vectors[i] = weights @ np.stack([seeded_vector(self._seed, word, self.dimensions) for word in words])
        return unit(self.name, vectors)


def _idf(rank: int) -> float:
    """log(1 / the share of prompts that hold the word of that rank)."""
    return -float(np.log(1 - (1 - _ZIPF / rank) ** _WORDS))


_IDF = {token: _idf(rank) for rank, token in enumerate(tokenize([_COMMONEST])[0].tolist(), 1)}
_OTHER_IDF = _idf(_OTHER_RANK)
