"""What a prompt's length means for its pages in an LLM server: how many can hit, can be cached, and are held."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

Tail = Literal["partial", "full"]


class Prompts(NamedTuple):
    hittable: np.ndarray  # (R,) int64: pages of each request that may hit: the last token is always computed
    full: np.ndarray  # (R,) int64: pages that are full of tokens: only those are cached
    held: np.ndarray  # (R,) int64: blocks that the request holds while it runs


def prompts_of(requests: Any, tail: Tail) -> Prompts:
    """The prompts of `requests`, a `kvreplay.policies.Requests`.

    By `tail` "partial" their lengths are the trace's. By "full" every page is full and one token follows the last,
    which takes a block of its own; so it is for prompts of unknown length, too.
    """
    pages = np.diff(requests.offsets)
    size = max(requests.page_tokens, 1)
    known = (tail == "partial") & (requests.prompt_tokens > 0) & (requests.page_tokens > 0)
    tokens = np.where(known, requests.prompt_tokens.astype(np.int64), pages * size + 1)
    return Prompts(
        hittable=np.minimum((tokens - 1) // size, pages),
        full=np.minimum(tokens // size, pages),
        held=np.maximum(-(-tokens // size), pages),
    )
