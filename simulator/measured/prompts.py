"""Tokens for the prompts of a trace, which says only what they have in common.

A page's tokens follow from its number: they are the same wherever it stands, and in every run. So prompts that share
pages share tokens, and with them K/V.
"""

from __future__ import annotations

import numpy as np

from kvreplay.traces.trace import Trace

_BEHIND = np.uint64(1 << 63)  # what is behind a request's pages follows from its own number, which is no page's


class Prompts:
    """The prompts of `trace`, which has pages and prompt tokens, in tokens of `vocabulary`."""

    def __init__(self, trace: Trace, vocabulary: int) -> None:
        assert trace.page_tokens is not None
        self._trace, self._page_tokens, self._vocabulary = trace, trace.page_tokens, vocabulary

    def tokens(self, request: int, length: int) -> np.ndarray:
        """(length,) int64: those of its pages, and what there is behind them, which no other request has."""
        pages = self._trace.pages[self._trace.bounds[request] : self._trace.bounds[request + 1]].astype(np.uint64)
        slots = np.arange(self._page_tokens, dtype=np.uint64)
        of_pages = (pages[:, None] * np.uint64(self._page_tokens) + slots).ravel()[:length]
        behind = np.arange(length - len(of_pages), dtype=np.uint64)
        places = np.concatenate([of_pages, _BEHIND | (np.uint64(request) << np.uint64(31)) | behind])
        return (_mixed(places) % np.uint64(self._vocabulary)).astype(np.int64)


def _mixed(x: np.ndarray) -> np.ndarray:
    """SplitMix64 of each, (n,) uint64: Steele et al., "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014."""
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
