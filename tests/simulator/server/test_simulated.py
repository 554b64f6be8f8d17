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
    return kv.generate("conversation", sessions=12, requests=60, system_tokens=64, seed=3)


def prompts(trace) -> list[list[int]]:
    """A few tokens for each page, other ones for each, so that prompts share what the trace says they share."""
    digits = np.arange(trace.n_pages)[:, None] // 256 ** np.arange(PAGE_TOKENS) % 256
    return [digits[page].ravel().tolist() for page in np.split(trace.pages, trace.bounds[1:-1])]


@pytest.mark.parametrize(("share", "times"), [(0.2, 1), (1.0, 1), (0.3, 2)])
def test_cached_tokens_are_prefix_hits_of_each_request(trace, share, times):
    """Asked again at once, the exact cache answers, and the pages do not learn of it."""
    capacity = int(share * trace.n_pages)
    row = kv.replay(trace, "lru", capacity, reading="prefix").row
    with serving(pages=capacity, page_tokens=PAGE_TOKENS, exact=times - 1) as client:
        asked = [[complete(client, prompt, max_tokens=1) for _ in range(times)] for prompt in prompts(trace)]
        assert only_cached_pages_are_used(figures(client))
    assert {by(again) for _, *rest in asked for again in rest} <= {"exact"}
    hits = [first.json()["usage"]["prompt_tokens_details"]["cached_tokens"] // PAGE_TOKENS for first, *_ in asked]
    assert hits == row["series_prefix_hits"]  # 60 requests, a window each
    assert sum(hits) > 0
