"""Page identity: keys become dense ids, and token sequences become chained page keys.

Dense ids are made once, at ingest; they are what lets policies be arrays instead of hash maps.
"""

from __future__ import annotations

import numpy as np

from kvreplay.jit import jit

_EMPTY = np.uint32(0xFFFFFFFF)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)
CHAIN_START = np.uint64(0x243F6A8885A308D3)  # the key before a prompt's first page


class PageIds:
    """Numbers 64-bit keys in first-seen order: 0, 1, 2, ... (open addressing, at most half full)."""

    def __init__(self) -> None:
        self.n_pages = 0
        self._slots = np.full(1 << 12, _EMPTY, np.uint32)  # (S,) uint32: page id; S is a power of two
        self._keys = np.empty(1 << 11, np.uint64)  # (S/2,) uint64: key of each id

    def assign(self, keys: np.ndarray) -> np.ndarray:
        """The ids of `keys`, (K,) uint64 -> (K,) uint32; keys never seen before get the next free ids.

        Raises OverflowError beyond 2**31 - 1 distinct keys.
        """
        ids = np.empty(len(keys), np.uint32)
        done = 0
        while True:
            done, self.n_pages = _assign(keys, done, ids, self._slots, self._keys, self.n_pages)
            if done == len(keys):
                return ids
            self._grow()

    def _grow(self) -> None:
        if len(self._slots) >= 1 << 32:
            raise OverflowError("more than 2**31 - 1 distinct pages")
        # Four-fold while small: a rehash of a table that will not stay small is wasted.
        factor = 4 if len(self._slots) < 1 << 20 else 2
        self._slots = np.full(len(self._slots) * factor, _EMPTY, np.uint32)
        keys = np.empty(len(self._slots) // 2, np.uint64)
        keys[: self.n_pages] = self._keys[: self.n_pages]
        self._keys = keys
        _rehash(self._slots, self._keys, self.n_pages)


@jit
def _slot(key, mask):
    # The fold lets high bits reach the low ones; the product's high half is well mixed.
    return (((key ^ (key >> np.uint64(32))) * _GOLDEN) >> np.uint64(20)) & mask


@jit
def _assign(keys, start, ids, slots, known, n_pages):
    mask = np.uint64(len(slots) - 1)
    one = np.uint64(1)
    room = len(known)
    for i in range(start, len(keys)):
        key = keys[i]
        slot = _slot(key, mask)
        while slots[slot] != _EMPTY and known[slots[slot]] != key:
            slot = (slot + one) & mask
        if slots[slot] == _EMPTY:
            if n_pages == room:
                return i, n_pages
            slots[slot] = n_pages
            known[n_pages] = key
            n_pages += 1
        ids[i] = slots[slot]
    return len(keys), n_pages


@jit
def _rehash(slots, known, n_pages):
    mask = np.uint64(len(slots) - 1)
    for page in range(n_pages):
        slot = _slot(known[page], mask)
        while slots[slot] != _EMPTY:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = page


@jit
def record_parents(pages, counts, first_new, parent):
    """Write the predecessor of every page first seen in `pages` into `parent`, -1 for the first of a request.

    Returns False where some page follows two different pages: such ids do not stand for whole prefixes.
    `first_new` is the number of pages known before this batch.
    """
    at = 0
    known = first_new
    consistent = True
    for count in counts:
        before = np.int32(-1)
        for i in range(at, at + count):
            page = pages[i]
            if page == known:
                parent[page] = before
                known += 1
            elif parent[page] != before:
                consistent = False
            before = np.int32(page)
        at += count
    return consistent


@jit
def record_firsts(pages, values, first_new, page_values):
    """Write the value of every page first seen in `pages` into `page_values`; the number of other values met later.

    `first_new` is the number of pages known before this batch.
    """
    known = first_new
    changes = 0
    for i in range(len(pages)):
        page = pages[i]
        if page == known:
            page_values[page] = values[i]
            known += 1
        elif page_values[page] != values[i]:
            changes += 1
    return changes


@jit
def chain_key(key, tokens, start, stop):
    """The key of the page tokens[start:stop] behind the page of key `key`, uint64."""
    for i in range(start, stop):
        key = (key ^ (np.uint64(tokens[i]) + np.uint64(1))) * _MIX
        key ^= key >> np.uint64(32)
    return key


@jit
def _chain(tokens, token_offsets, page_tokens, keys, counts):
    at = 0
    for request in range(len(token_offsets) - 1):
        start, stop = token_offsets[request], token_offsets[request + 1]
        key = CHAIN_START
        count = 0
        for page_start in range(start, stop, page_tokens):
            key = chain_key(key, tokens, page_start, min(page_start + page_tokens, stop))
            keys[at] = key
            at += 1
            count += 1
        counts[request] = count


def chain_pages(tokens: np.ndarray, token_offsets: np.ndarray, page_tokens: int) -> tuple[np.ndarray, np.ndarray]:
    """Chained page keys of many prompts: a page's key covers every token up to its end.

    `tokens` (T,) uint32, all prompts in a row; `token_offsets` (R+1,) int64. Returns keys (K,) uint64 and
    pages per request (R,) int32. A last, partly filled page counts as a page. The keys are 64-bit hashes:
    among 10**8 distinct pages two collide with a probability of 3 in 10,000.
    """
    sizes = np.diff(token_offsets)
    counts = np.empty(len(sizes), np.int32)
    keys = np.empty(int(np.sum(-(-sizes // page_tokens))), np.uint64)
    _chain(tokens, token_offsets, page_tokens, keys, counts)
    return keys, counts
