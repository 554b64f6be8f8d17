"""How a trace comes back to its pages: reuse distances, reuse times, and the hits of an unlimited cache."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from kvreplay.jit import jit

from .trace import Trace


class UnlimitedCache(NamedTuple):
    """Hits of a cache that never evicts: no policy and no size can do better on the same trace."""

    page_hits: int  # accesses whose page was seen before
    prefix_hits: int  # those before the first miss of their request
    tokens_saved: int  # prompt tokens that the prefix hits cover; 0 where the trace has no page size
    ratio_sum: float  # sum over requests of prefix hits / pages of the request


def distance_counts(trace: Trace) -> np.ndarray:
    """How many accesses have each reuse distance: (n_pages,) int64.

    The reuse distance, or LRU stack distance, of an access is the number of distinct other pages accessed
    since the last access to the same page: an LRU cache of more pages than that hits (Mattson, Gecsei, Slutz
    and Traiger, "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2), 1970). First
    accesses have none and are not counted.
    """
    counts = np.zeros(trace.n_pages, np.int64)
    _count_distances(trace.pages, counts)
    return counts


def reuse_times(trace: Trace) -> np.ndarray:
    """Seconds since the last access to the same page, for every access but the first of each page.

    (n_accesses - n_pages,) float64, in trace order. The trace must have arrival times.
    """
    times = np.empty(trace.n_accesses - trace.n_pages)
    _fill_times(trace.pages, trace.offsets, trace.arrival, np.full(trace.n_pages, np.nan), times)
    return times


def unlimited_cache(trace: Trace) -> UnlimitedCache:
    """What a cache hits that never evicts."""
    prompts = trace.prompt_tokens if trace.prompt_tokens is not None else np.empty(0, np.int32)
    seen = np.zeros(trace.n_pages, np.uint8)
    return UnlimitedCache(*_count_unlimited(trace.pages, trace.offsets, prompts, trace.page_tokens or 0, seen))


# A page's mark stands at the time of its last access, so the distance is the number of marks since then. A
# mark is a bit, and a Fenwick tree counts words of 64 marks (Bennett and Kruskal, "LRU stack processing", IBM
# Journal of Research and Development 19(4), 1975, with the tree of Fenwick, 1994, in place of theirs).
@jit
def _count_distances(pages, counts):
    n_pages = len(counts)
    n_words = 2 * n_pages // 64 + 2
    marks = np.zeros(n_words, np.uint64)
    tree = np.zeros(n_words + 1, np.int32)
    last = np.full(n_pages, -1, np.int64)  # page -> time of its mark
    page_at = np.zeros(64 * n_words, np.uint32)
    now = 0
    live = 0
    for page in pages:
        if now == len(page_at):
            now = _renumber(marks, tree, last, page_at)
        before = last[page]
        if before < 0:
            live += 1
        else:
            bit = _bit(before)
            word = before >> 6
            older = _count_ones(marks[word] & (bit - np.uint64(1)))
            at = word
            while at > 0:
                older += tree[at]
                at &= at - 1
            counts[live - older - 1] += 1
            marks[word] ^= bit
            _add(tree, word, -1)
        marks[now >> 6] |= _bit(now)
        _add(tree, now >> 6, 1)
        last[page] = now
        page_at[now] = page
        now += 1


@jit
def _renumber(marks, tree, last, page_at):
    """Move the marks to times 0, 1, 2, ... in their order; returns the next free time."""
    now = 0
    for time in range(len(page_at)):
        if marks[time >> 6] & _bit(time):
            page_at[now] = page_at[time]
            last[page_at[now]] = now
            now += 1
    marks[:] = 0
    tree[:] = 0
    for time in range(now):
        marks[time >> 6] |= _bit(time)
        _add(tree, time >> 6, 1)
    return now


@njit(inline="always")
def _bit(time):
    return np.uint64(1) << np.uint64(time & 63)


@njit(inline="always")
def _add(tree, word, by):
    at = word + 1
    while at < len(tree):
        tree[at] += by
        at += at & -at


@njit(inline="always")
def _count_ones(word):
    # Numba has no population count; this is the one of Warren, "Hacker's Delight", 2nd ed., figure 5-2.
    word -= (word >> np.uint64(1)) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@jit
def _fill_times(pages, offsets, arrival, last, times):
    done = 0
    for request in range(len(arrival)):
        now = arrival[request]
        for i in range(offsets[request], offsets[request + 1]):
            before = last[pages[i]]
            if not np.isnan(before):
                times[done] = now - before
                done += 1
            last[pages[i]] = now


@jit
def _count_unlimited(pages, offsets, prompt_tokens, page_tokens, seen):
    page_hits = 0
    prefix_hits = 0
    tokens_saved = 0
    ratio_sum = 0.0
    for request in range(len(offsets) - 1):
        start, stop = offsets[request], offsets[request + 1]
        prefix = 0
        for i in range(start, stop):
            if seen[pages[i]]:
                page_hits += 1
                prefix += prefix == i - start
            seen[pages[i]] = 1
        prefix_hits += prefix
        saved = prefix * page_tokens
        if len(prompt_tokens) > 0:
            saved = min(saved, prompt_tokens[request])
        tokens_saved += saved
        if stop > start:
            ratio_sum += prefix / (stop - start)
    return page_hits, prefix_hits, tokens_saved, ratio_sum
