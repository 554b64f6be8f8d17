"""What the hit bytes of a replay come to: per request, per token, by size or by cost. The same for every policy."""

from __future__ import annotations

import numpy as np

from kvreplay.jit import jit


@jit
def count_requests(hit, offsets, start, stop, prompt_tokens, page_tokens):
    """Counts over requests start .. stop - 1, whose first access is hit[0].

    Returns prefix hits, tokens of the prefix hits (no more than each prompt has), requests hit as a whole, and the
    sum over requests of prefix hits / pages. `prompt_tokens` may be empty: then every page counts `page_tokens`.
    """
    first = offsets[start]
    prefix_hits = 0
    tokens_saved = 0
    requests_hit = 0
    ratios = 0.0
    for request in range(start, stop):
        low, high = offsets[request] - first, offsets[request + 1] - first
        at = low
        while at < high and hit[at]:
            at += 1
        prefix_hits += at - low
        saved = (at - low) * page_tokens
        if len(prompt_tokens) > 0:
            saved = min(saved, prompt_tokens[request])
        tokens_saved += saved
        if high > low:
            requests_hit += at == high
            ratios += (at - low) / (high - low)
    return prefix_hits, tokens_saved, requests_hit, ratios


@jit
def count_weights(hit, pages, start, stop, weights):
    """Sum of `weights`, (n_pages,), over the accesses start .. stop - 1, and over those of them that hit.

    hit[0] belongs to access `start`.
    """
    total = weights[:0].sum()  # of the type of the weights
    hits = weights[:0].sum()
    for now in range(start, stop):
        weight = weights[pages[now]]
        total += weight
        if hit[now - start]:
            hits += weight
    return total, hits


@jit
def count_misses(hit, pages, misses):
    """Add to `misses`, (n_pages,), those of each page; hit[i] belongs to pages[i]."""
    for i in range(len(pages)):
        misses[pages[i]] += np.int64(1) - hit[i]
