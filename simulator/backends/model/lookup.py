"""Drafts without a draft model: what followed the last tokens where they stood before.

Saxena, "Prompt Lookup Decoding", 2023, https://github.com/apoorvumang/prompt-lookup-decoding
"""

from __future__ import annotations

import numpy as np


def lookup(tokens: np.ndarray, ngram: int, length: int) -> np.ndarray:
    """Up to `length` tokens that followed the last `ngram` ones of `tokens`, (n,), where these stood before.

    The latest such place counts; where there is none, shorter n-grams are tried. Empty where the last token is new.
    """
    for size in range(min(ngram, len(tokens) - 1), 0, -1):
        windows = np.lib.stride_tricks.sliding_window_view(tokens[:-1], size)
        found = np.flatnonzero((windows == tokens[-size:]).all(axis=1))
        if len(found):
            start = int(found[-1]) + size
            return tokens[start : start + max(length, 0)]
    return tokens[:0]
