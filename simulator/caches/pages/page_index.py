"""Which page of tokens is which: dense numbers for the pages of prompts, found by hash and proven by their tokens."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kvreplay.jit import jit
from kvreplay.traces.page_ids import CHAIN_START, chain_key

_NONE = -1

# Entries of Table.counters.
_HAND, _LAST_SERIAL = 0, 1


class Table(NamedTuple):
    """A hash table whose entries are the pages; pages of one bucket form a list."""

    key: np.ndarray  # (n_pages,) uint64: hash of all the tokens up to each page's end, and of the salt
    serial: (
        np.ndarray
    )  # (n_pages, 2) int64: a number that no two pages ever share, of the page and of the one before it
    tokens: np.ndarray  # (n_pages, page_tokens) uint32
    parent: np.ndarray  # (n_pages,) int32: the page before each page, or _NONE
    next: np.ndarray  # (n_pages,) int32: in the list of its bucket, or _NONE
    heads: np.ndarray  # (buckets,) int32: a power of two
    reserved: np.ndarray  # (n_pages,) uint8: scratch
    counters: np.ndarray  # (2,) int64: where the search for a free number goes on; the last serial


class PageIndex:
    """Numbers pages of `page_tokens` tokens, 0 .. n_pages - 1, so that equal numbers mean equal prefixes.

    A page is found by the chained hash of its prefix, and is that page only if its tokens are equal and the page before
    it is the same one: so no two prefixes are ever taken for one, whatever their hashes. Pages that are not cached
    stay known, which lets policies remember them, until their number is needed for another page.
    """

    def __init__(self, n_pages: int, page_tokens: int) -> None:
        self.page_tokens = page_tokens
        self._salts = {"": 0}
        self.table = _new_table(n_pages, page_tokens)

    def root(self, salt: str) -> int:
        """A number for `salt`: prefixes behind different roots share no page."""
        return self._salts.setdefault(salt, len(self._salts))

    def find(self, tokens: np.ndarray, root: int, pages: np.ndarray) -> int:
        """Write the numbers of `tokens`' full pages, (n,) uint32, into `pages`; how many are known, from the start."""
        with np.errstate(over="ignore"):  # uncompiled, hashes overflow audibly
            return _find(self.table, tokens, root, 0, len(pages), pages)

    def assign(
        self, tokens: np.ndarray, root: int, start: int, stop: int, pages: np.ndarray, cached: np.ndarray
    ) -> None:
        """As `find` for the pages start .. stop - 1 behind those in `pages`, but unknown ones get numbers as well.

        They take the place of pages that are not cached, of which there must be enough.
        """
        with np.errstate(over="ignore"):
            _assign(self.table, tokens, root, start, stop, pages, cached)

    def grow(self, n_pages: int) -> None:
        """Have room for `n_pages` pages. Numbers stay as they are."""
        old, self.table = self.table, _new_table(n_pages, self.page_tokens)
        for column, kept in zip(self.table, old, strict=True):
            if column is not self.table.heads:
                column[: len(kept)] = kept
        _link_all(self.table, len(old.key))


def _new_table(n_pages: int, page_tokens: int) -> Table:
    return Table(
        key=np.zeros(n_pages, np.uint64),
        serial=np.zeros((n_pages, 2), np.int64),
        tokens=np.zeros((n_pages, page_tokens), np.uint32),
        parent=np.full(n_pages, _NONE, np.int32),
        next=np.full(n_pages, _NONE, np.int32),
        heads=np.full(1 << n_pages.bit_length(), _NONE, np.int32),
        reserved=np.zeros(n_pages, np.uint8),
        counters=np.zeros(2, np.int64),
    )


@jit
def _find(table, tokens, root, start, stop, pages):
    key, above = _before(table, root, start, pages)
    for i in range(start, stop):
        key = _next_key(table, key, tokens, i)
        page = table.heads[_bucket(table, key)]
        while page != _NONE and not _is(table, page, key, above, tokens, i):
            page = table.next[page]
        if page == _NONE:
            return i
        pages[i] = page
        above = table.serial[page, 0]
    return stop


@jit
def _assign(table, tokens, root, start, stop, pages, cached):
    known = _find(table, tokens, root, start, stop, pages)
    for i in range(start, known):
        table.reserved[pages[i]] = 1
    key, above = _before(table, root, known, pages)
    for i in range(known, stop):
        key = _next_key(table, key, tokens, i)
        page = _free_number(table, cached)
        if table.serial[page, 0] != 0:
            _unlink(table, page)
        table.counters[_LAST_SERIAL] += 1
        table.key[page] = key
        table.serial[page, 0] = table.counters[_LAST_SERIAL]
        table.serial[page, 1] = above
        size = table.tokens.shape[1]
        for j in range(size):
            table.tokens[page, j] = tokens[i * size + j]
        table.parent[page] = pages[i - 1] if i > 0 else _NONE
        _link(table, page)
        table.reserved[page] = 1
        pages[i] = page
        above = table.serial[page, 0]
    for i in range(start, stop):
        table.reserved[pages[i]] = 0


@jit
def _before(table, root, at, pages):
    """Key and serial number of what is before page `at` of a prompt."""
    if at > 0:
        return table.key[pages[at - 1]], table.serial[pages[at - 1], 0]
    # Roots are no pages: their serial numbers are those below 1.
    return CHAIN_START ^ (np.uint64(root) << np.uint64(32)), np.int64(-root)


@jit
def _next_key(table, key, tokens, i):
    size = table.tokens.shape[1]
    return chain_key(key, tokens, i * size, (i + 1) * size)


@jit
def _is(table, page, key, above, tokens, i):
    if table.key[page] != key or table.serial[page, 1] != above:
        return False
    size = table.tokens.shape[1]
    same = True
    for j in range(size):
        same &= table.tokens[page, j] == tokens[i * size + j]
    return same


@jit
def _free_number(table, cached):
    """A number whose page is not cached: the next one round the table, so that a page stays known for long."""
    page = table.counters[_HAND]
    while cached[page] or table.reserved[page]:
        page = page + 1 if page + 1 < len(cached) else 0
    table.counters[_HAND] = page + 1 if page + 1 < len(cached) else 0
    return page


@jit
def _link(table, page):
    bucket = _bucket(table, table.key[page])
    table.next[page] = table.heads[bucket]
    table.heads[bucket] = page


@jit
def _unlink(table, page):
    bucket = _bucket(table, table.key[page])
    at = table.heads[bucket]
    if at == page:
        table.heads[bucket] = table.next[page]
        return
    while table.next[at] != page:
        at = table.next[at]
    table.next[at] = table.next[page]


@jit
def _link_all(table, n_pages):
    for page in range(n_pages):
        if table.serial[page, 0] != 0:
            _link(table, page)


@jit
def _bucket(table, key):
    return np.int64(key & np.uint64(len(table.heads) - 1))
