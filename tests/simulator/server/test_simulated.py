"""What a server finds in its caches is what a replay of the same requests says."""

from __future__ import annotations

import numpy as np
import pytest

import kvreplay as kv

from .conftest import figures, only_cached_pages_are_used, serving
from .test_http import by, complete

PAGE_TOKENS = 4


@pytest.fixture(scope="module")
def trace():
    return kv.generate("conversation", sessions=12, turns=3, page_tokens=PAGE_TOKENS, seed=3)


def prompts(trace) -> list[list[int]]:
    """Tokens for each page, other ones for each, so that prompts share what the trace says they share."""
    digits = np.arange(trace.n_pages)[:, None] // 256 ** np.arange(PAGE_TOKENS) % 256
    return [digits[page].ravel().tolist() for page in np.split(trace.pages, trace.bounds[1:-1])]


@pytest.mark.parametrize(("policy", "share", "exact"), [("lru", 0.2, 0), ("lru", 1.0, 0), ("lru", 0.3, 50)])
def test_cached_tokens_are_prefix_hits(trace, policy, share, exact):
    capacity = max(int(share * trace.n_pages), int(np.diff(trace.bounds).max()) + 1)
    row = kv.replay(trace, policy, capacity, reading="prefix", stack=["exact"] if exact else None)
    with serving(policy=policy, pages=capacity, page_tokens=PAGE_TOKENS, exact=exact) as client:
        answers = [complete(client, prompt, max_tokens=1) for prompt in prompts(trace)]
        assert only_cached_pages_are_used(figures(client))
    by_pages = [answer for answer in answers if by(answer) != "exact"]
    hits = [answer.json()["usage"]["prompt_tokens_details"]["cached_tokens"] // PAGE_TOKENS for answer in by_pages]
    assert sum(hits) == row.prefix_hits
    assert len(answers) - len(by_pages) == (row.answered if exact else 0)
