"""Physical pages that several sequences hold: reference counts, copy-on-write, and ids that go stale.

Only who holds which page is kept here; what the pages contain lies in a `PageContent`, which copies and compares. No
more than NumPy is needed: without numba the bookkeeping runs uncompiled.
"""

from __future__ import annotations

import operator
from typing import NamedTuple, Protocol

import numpy as np

from .page_table import (
    BARE,
    BITS,
    CAPACITY,
    FREE,
    FULL,
    MARK,
    MERGED,
    NOT_IN_USE,
    PROTECTED,
    REFS,
    STALE,
    TOO_OFTEN,
    UNKNOWN,
    USED,
    check_ids,
    create_pages,
    new_rows,
    plan_copies,
    read_pages,
    release_pages,
    replace_pages,
    share_pages,
)

_LEAST_BITS = 20  # leaves 11 for generations; entt, an entity store for games, has 20 and 12
_MOST_PAGES = 1 << 28
_INT32 = np.dtype(np.int32)


class PageError(ValueError):
    """A page id is no id, was released, is stale or stands more often than it is held; or a size is none."""


class PageContent(Protocol):
    """Where the content of a pool's pages lies. Pages are numbers from 0 on, int32; of the `dst` none is twice."""

    def copy_pages(self, src: np.ndarray, dst: np.ndarray) -> None:
        """Make page dst[i] the same as page src[i]; no page is in both."""
        ...

    def hash_pages(self, pages: np.ndarray) -> np.ndarray:
        """(n,) uint64: equal for pages of equal content."""
        ...

    def equal_pages(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n,) bool: whether page a[i] has the content of page b[i], bit for bit."""
        ...


class PoolStats(NamedTuple):
    """Figures of a pool, in pages but for `bytes`. free + physical = capacity."""

    capacity: int
    free: int
    physical: int  # in use
    logical: int  # in use, counted once for every holder
    shared: int  # in use by more than one holder
    peak: int  # most ever in use
    copies: int  # made by `write` and `unshare`
    merged: int  # references moved to an equal page by `merge`
    bytes: int  # physical * page_bytes
    refused: int  # calls for which too few pages were free


class PagePool:
    """`capacity` physical pages of `page_bytes` bytes each. Not for several threads at once.

    Pages go by ids, (n,) int32 arrays: the low bits are the page's number, the others its generation, so that an id
    that outlived its page is refused (until the page was freed 2,048 times more; fewer in pools above a million
    pages). Every holder of a page has the same id. Calls take a batch; an id may stand in it several times, which
    is as if the batch were several, but not more often than its page is held.

    Where too few pages are free, `create`, `write` and `unshare` return None. They then change nothing but the count
    of such answers, and a call that raises PageError nothing at all: for ids that are none, released, stale, or named
    too often.
    """

    def __init__(self, capacity: int, *, page_bytes: int = 0, content: PageContent | None = None) -> None:
        capacity = whole(capacity, "capacity", least=1, most=_MOST_PAGES)
        self.page_bytes = whole(page_bytes, "page_bytes", least=0)
        self._content = content
        self._table = new_rows(0, capacity)
        bits = max(_LEAST_BITS, (capacity - 1).bit_length())
        self._counters = np.zeros(10, np.int64)
        self._counters[[CAPACITY, BITS, BARE]] = capacity, bits, content is None
        self._page = np.int32((1 << bits) - 1)

    @property
    def capacity(self) -> int:
        """Pages that may be in use."""
        return int(self._counters[CAPACITY])

    @property
    def free(self) -> int:
        """Pages that `create` would give."""
        return int(self._counters[CAPACITY] - self._counters[USED])

    def create(self, n: int) -> np.ndarray | None:
        """Ids of `n` pages that were free, each held once and of no defined content; or None."""
        ids = np.empty(n if n.__class__ is int and n >= 0 else whole(n, "create: pages", least=0), _INT32)
        return ids if create_pages(self._table, self._counters, ids) else None

    def share(self, ids: np.ndarray) -> None:
        """One more holder for each of the pages."""
        ids = _checked(ids)
        fault = share_pages(self._table, self._counters, ids)
        if fault < 0:
            raise self._error("share", ids, fault)

    def release(self, ids: np.ndarray) -> int:
        """One holder less for each of the pages; those without any are free, and their number is returned."""
        ids = _checked(ids)
        freed = release_pages(self._table, self._counters, ids)
        if freed < 0:
            raise self._error("release", ids, freed)
        return freed

    def read(self, ids: np.ndarray) -> np.ndarray:
        """(n,) int32: the physical pages, where the content lies. Nothing is copied."""
        ids = _checked(ids)
        pages = np.empty(len(ids), _INT32)
        fault = read_pages(self._table, self._counters, ids, pages)
        if fault < 0:
            raise self._error("read", ids, fault)
        return pages

    def write(self, ids: np.ndarray) -> np.ndarray | None:
        """Ids of pages with the same content that one holder of each page may change; they replace `ids`, in place.

        A page that is shared or protected stays with its other holders, and the one that writes gets a copy (`read`
        tells where). Ids of pages that are not copied stay the same. None where too few pages are free.
        """
        return self._make_private("write", ids, True)

    def unshare(self, ids: np.ndarray) -> np.ndarray | None:
        """As `write`, but pages held once stay as they are, protected or not: to move pages away from their sharers."""
        return self._make_private("unshare", ids, False)

    def _make_private(self, what: str, ids: np.ndarray, writable: bool) -> np.ndarray | None:
        ids = _checked(ids)
        private = np.empty(len(ids), _INT32)
        copies = plan_copies(self._table, self._counters, ids, private, writable)
        if copies < 0:
            if copies == FULL:
                return None
            raise self._error(what, ids, copies)
        if copies and self._content is not None:
            copied = private != ids
            self._content.copy_pages(ids[copied] & self._page, private[copied] & self._page)  # may fail: not yet ours
            replace_pages(self._table, self._counters, ids, private)
        return private

    def protect(self, ids: np.ndarray) -> None:
        """Keep the content of the pages as it is until they are free: even an only holder's `write` copies."""
        self._table[self.read(ids), PROTECTED] = 1

    def merge(self, ids: np.ndarray) -> np.ndarray:
        """Let pages of equal content be one page, the first of them in `ids`; the ids that replace `ids`, in place.

        Each id gives up one holder's reference for another's: a page with other holders stays theirs. Protection goes
        over to the page that is kept. Raises PageError where the pool keeps no content to compare.
        """
        if self._content is None:
            raise PageError("merge: the pool keeps no content to compare; give it one, PagePool(…, content=…)")
        ids = _checked(ids)
        fault = check_ids(self._table, self._counters, ids, True)
        if fault < 0:
            raise self._error("merge", ids, fault)
        pages, first, which = np.unique(ids & self._page, return_index=True, return_inverse=True)
        self._table[pages, MARK] = 0
        order = np.argsort(first)  # the page that stands first is kept
        kept = np.empty(len(pages), np.int64)
        kept[order] = order[_first_equal(self._content, pages[order])]
        merged = ids[first[kept]][which]
        moved = merged != ids
        self._table[pages[kept], PROTECTED] |= self._table[pages, PROTECTED]
        share_pages(self._table, self._counters, merged[moved])
        release_pages(self._table, self._counters, ids[moved])
        self._counters[MERGED] += np.count_nonzero(moved)
        return merged

    def holders(self, ids: np.ndarray) -> np.ndarray:
        """(n,) int32: how many hold each page."""
        return self._table[self.read(ids), REFS]

    def resize(self, capacity: int) -> bool:
        """Let `capacity` pages be in use; False, and no change, where more are.

        Page numbers of a pool that shrank may lie above its capacity, but never above the largest it had.
        """
        capacity = whole(capacity, "capacity", least=1, most=1 << int(self._counters[BITS]))
        if capacity < self._counters[USED]:
            return False
        known = len(self._table)
        if capacity > known:
            more = new_rows(known, capacity)
            # The stack of free pages moves up with its end: new pages are taken last.
            stack = self._table[: known - int(self._counters[USED]), FREE]
            more_free = np.concatenate([more[:, FREE], stack])
            self._table = np.concatenate([self._table, more])
            self._table[: len(more_free), FREE] = more_free
        self._counters[CAPACITY] = capacity
        return True

    def stats(self) -> PoolStats:
        """Figures of now, and since the pool was made."""
        capacity, used, logical, shared, peak, copies, merged, *_, refused = self._counters.tolist()
        in_bytes = used * self.page_bytes
        return PoolStats(capacity, capacity - used, used, logical, shared, peak, copies, merged, in_bytes, refused)

    def _error(self, what: str, ids: np.ndarray, fault: int) -> PageError:
        position, kind = divmod(-fault - 1, 4)
        id = int(ids[position])
        page = id & int(self._page)
        told = {
            UNKNOWN: "is none of this pool; use ids that create() gave",
            NOT_IN_USE: f"names page {page}, which was released; use an id no more once its last holder released it",
            STALE: f"is stale: its page {page} was released and is used for something else; take the new page's id",
            TOO_OFTEN: f"stands more often in the batch than its page {page} is held; name it once for each holder",
        }[kind]
        return PageError(f"{what}: id {id} {told}")


def whole(value: int, what: str, least: int, most: int = 2**62) -> int:
    try:
        whole = operator.index(value)
    except TypeError:
        raise PageError(f"{what} {value!r}: is no whole number; give one of at least {least}") from None
    if not least <= whole <= most:
        raise PageError(f"{what} {whole}: is out of range; give from {least} to {most}")
    return whole


def _checked(ids: np.ndarray) -> np.ndarray:
    """`ids` as the compiled functions take them."""
    if ids.__class__ is np.ndarray and ids.dtype is _INT32 and ids.ndim == 1 and ids.flags.carray:
        return ids
    given = np.asarray(ids)
    if given.ndim != 1 or (len(given) and given.dtype.kind not in "iu"):
        raise PageError(f"page ids are {given.ndim}-d {given.dtype}; give a 1-d array of int32")
    if len(given) and not -(2**31) <= int(given.min()) <= int(given.max()) < 2**31:
        raise PageError("page ids do not fit 32 bits; give those that create() gave")
    return np.array(given, _INT32)


def _first_equal(content: PageContent, pages: np.ndarray) -> np.ndarray:
    """(n,) int64: for each of the pages the first of them that has its content, by position."""
    hashes = content.hash_pages(pages)
    first = np.full(len(pages), -1)
    rest = np.argsort(hashes, kind="stable")
    while len(rest):  # once, unless different pages have one hash
        starts = np.flatnonzero(np.r_[True, hashes[rest][1:] != hashes[rest][:-1]])
        of_group = np.repeat(rest[starts], np.diff(np.r_[starts, len(rest)]))
        same = of_group == rest
        other = np.flatnonzero(~same)
        same[other] = content.equal_pages(pages[of_group[other]], pages[rest[other]])
        first[rest[same]] = of_group[same]
        rest = rest[~same]
    return first
