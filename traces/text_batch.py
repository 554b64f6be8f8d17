"""Prompts as a batch of requests: text becomes tokens, tokens become pages that stand for the prefix before them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .builder import Batch
from .page_ids import chain_pages
from .tokenizers import tokenize


def text_batch(texts: list[str], tokenizer: str, page_tokens: int, **columns: Any) -> Batch:
    """A request for each text, with other `columns` of a Batch. Raises TraceError where the tokenizer fails."""
    tokens, offsets = tokenize(texts, tokenizer)
    keys, counts = chain_pages(tokens, offsets, page_tokens)
    return Batch(keys, counts, prompt_tokens=np.diff(offsets), texts=texts, **columns)


def tokenizer_notes(tokenizer: str) -> list[str]:
    """What a person who reads figures in tokens should know."""
    if tokenizer not in ("words", "bytes"):
        return []
    return [f"tokens are {tokenizer}, not those of a model; the option tokenizer takes module:object for its own"]
