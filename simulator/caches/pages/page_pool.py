"""Physical pages that several sequences hold: reference counts, copy-on-write, and ids that go stale.

Only who holds which page is kept here; what the pages contain lies in a `PageContent`, which copies and compares. No
more than NumPy is needed: without numba the bookkeeping runs uncompiled.
"""

from __future__ import annotations

import operator
from typing import NamedTuple, Protocol

import numpy as np

from kvreplay.jit import jit

# Columns of the page table, (pages, 5) int32, a row for each physical page.
_REFS = 0  # holders; 0: free
_GENERATION = 1  # how often the page was freed, modulo what fits into an id
_PROTECTED = 2  # 1: never written in place
_MARK = 3  # scratch of one call: how often its ids name the page
_FREE = 4  # of the first rows: the stack of free pages

# Entries of the counters, int64.
_CAPACITY, _USED, _LOGICAL, _SHARED, _PEAK, _COPIES, _MERGED = range(7)
_BITS = 7  # of the page number in an id
_BARE = 8  # 1: there is no content to copy

_LEAST_BITS = 20  # leaves 11 for generations; entt, an entity store for games, has 20 and 12
_MOST_PAGES = 1 << 28
_INT32 = np.dtype(np.int32)

# What may be wrong with an id, and what the compiled functions return instead of it: -(4 * position + fault + 1).
_UNKNOWN, _NOT_IN_USE, _STALE, _TOO_OFTEN = range(4)
_FULL = -(2**62)


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


class PagePool:
    """`capacity` physical pages of `page_bytes` bytes each. Not for several threads at once.

    Pages go by ids, (n,) int32 arrays: the low bits are the page's number, the others its generation, so that an id
    that outlived its page is refused (until the page was freed 2,048 times more; fewer in pools above a million
    pages). Every holder of a page has the same id. Calls take a batch; an id may stand in it several times, which
    is as if the batch were several, but not more often than its page is held.

    Where too few pages are free, `create`, `write` and `unshare` return None. They then change nothing, and neither
    does a call that raises PageError: for ids that are none, released, stale, or named too often.
    """

    def __init__(self, capacity: int, *, page_bytes: int = 0, content: PageContent | None = None) -> None:
        capacity = whole(capacity, "capacity", least=1, most=_MOST_PAGES)
        self.page_bytes = whole(page_bytes, "page_bytes", least=0)
        self._content = content
        self._table = _new_rows(0, capacity)
        bits = max(_LEAST_BITS, (capacity - 1).bit_length())
        self._counters = np.zeros(9, np.int64)
        self._counters[[_CAPACITY, _BITS, _BARE]] = capacity, bits, content is None
        self._page = np.int32((1 << bits) - 1)

    @property
    def capacity(self) -> int:
        """Pages that may be in use."""
        return int(self._counters[_CAPACITY])

    @property
    def free(self) -> int:
        """Pages that `create` would give."""
        return int(self._counters[_CAPACITY] - self._counters[_USED])

    def create(self, n: int) -> np.ndarray | None:
        """Ids of `n` pages that were free, each held once and of no defined content; or None."""
        ids = np.empty(n if n.__class__ is int and n >= 0 else whole(n, "create: pages", least=0), _INT32)
        return ids if _create(self._table, self._counters, ids) else None

    def share(self, ids: np.ndarray) -> None:
        """One more holder for each of the pages."""
        ids = _checked(ids)
        fault = _share(self._table, self._counters, ids)
        if fault < 0:
            raise self._error("share", ids, fault)

    def release(self, ids: np.ndarray) -> int:
        """One holder less for each of the pages; those without any are free, and their number is returned."""
        ids = _checked(ids)
        freed = _release(self._table, self._counters, ids)
        if freed < 0:
            raise self._error("release", ids, freed)
        return freed

    def read(self, ids: np.ndarray) -> np.ndarray:
        """(n,) int32: the physical pages, where the content lies. Nothing is copied."""
        ids = _checked(ids)
        pages = np.empty(len(ids), _INT32)
        fault = _read(self._table, self._counters, ids, pages)
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
        copies = _plan_copies(self._table, self._counters, ids, private, writable)
        if copies < 0:
            if copies == _FULL:
                return None
            raise self._error(what, ids, copies)
        if copies and self._content is not None:
            copied = private != ids
            self._content.copy_pages(ids[copied] & self._page, private[copied] & self._page)  # may fail: not yet ours
            _replace(self._table, self._counters, ids, private)
        return private

    def protect(self, ids: np.ndarray) -> None:
        """Keep the content of the pages as it is until they are free: even an only holder's `write` copies."""
        self._table[self.read(ids), _PROTECTED] = 1

    def merge(self, ids: np.ndarray) -> np.ndarray:
        """Let pages of equal content be one page, the first of them in `ids`; the ids that replace `ids`, in place.

        Each id gives up one holder's reference for another's: a page with other holders stays theirs. Protection goes
        over to the page that is kept. Raises PageError where the pool keeps no content to compare.
        """
        if self._content is None:
            raise PageError("merge: the pool keeps no content to compare; give it one, PagePool(…, content=…)")
        ids = _checked(ids)
        fault = _check(self._table, self._counters, ids, True)
        if fault < 0:
            raise self._error("merge", ids, fault)
        pages, first, which = np.unique(ids & self._page, return_index=True, return_inverse=True)
        self._table[pages, _MARK] = 0
        order = np.argsort(first)  # the page that stands first is kept
        kept = np.empty(len(pages), np.int64)
        kept[order] = order[_first_equal(self._content, pages[order])]
        merged = ids[first[kept]][which]
        moved = merged != ids
        self._table[pages[kept], _PROTECTED] |= self._table[pages, _PROTECTED]
        _share(self._table, self._counters, merged[moved])
        _release(self._table, self._counters, ids[moved])
        self._counters[_MERGED] += np.count_nonzero(moved)
        return merged

    def holders(self, ids: np.ndarray) -> np.ndarray:
        """(n,) int32: how many hold each page."""
        return self._table[self.read(ids), _REFS]

    def resize(self, capacity: int) -> bool:
        """Let `capacity` pages be in use; False, and no change, where more are.

        Page numbers of a pool that shrank may lie above its capacity, but never above the largest it had.
        """
        capacity = whole(capacity, "capacity", least=1, most=1 << int(self._counters[_BITS]))
        if capacity < self._counters[_USED]:
            return False
        known = len(self._table)
        if capacity > known:
            more = _new_rows(known, capacity)
            # The stack of free pages moves up with its end: new pages are taken last.
            stack = self._table[: known - int(self._counters[_USED]), _FREE]
            more_free = np.concatenate([more[:, _FREE], stack])
            self._table = np.concatenate([self._table, more])
            self._table[: len(more_free), _FREE] = more_free
        self._counters[_CAPACITY] = capacity
        return True

    def stats(self) -> PoolStats:
        """Figures of now, and since the pool was made."""
        capacity, used, logical, shared, peak, copies, merged, *_ = self._counters.tolist()
        return PoolStats(capacity, capacity - used, used, logical, shared, peak, copies, merged, used * self.page_bytes)

    def _error(self, what: str, ids: np.ndarray, fault: int) -> PageError:
        position, kind = divmod(-fault - 1, 4)
        id = int(ids[position])
        page = id & int(self._page)
        told = {
            _UNKNOWN: "is none of this pool; use ids that create() gave",
            _NOT_IN_USE: f"names page {page}, which was released; use an id no more once its last holder released it",
            _STALE: f"is stale: its page {page} was released and is used for something else; take the new page's id",
            _TOO_OFTEN: f"stands more often in the batch than its page {page} is held; name it once for each holder",
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


def _new_rows(first: int, stop: int) -> np.ndarray:
    rows = np.zeros((stop - first, 5), np.int32)
    rows[:, _FREE] = np.arange(stop - 1, first - 1, -1)  # the last is taken first
    return rows


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


@jit
def _create(table, counters, ids):
    used = counters[_USED]
    if len(ids) > counters[_CAPACITY] - used:
        return False
    top = len(table) - used - 1
    for i in range(len(ids)):
        page = table[top - i, _FREE]
        table[page, _REFS] = 1
        ids[i] = _id(table, counters, page)
    counters[_LOGICAL] += len(ids)
    _count_used(counters, len(ids))
    return True


@jit
def _share(table, counters, ids):
    fault = _check(table, counters, ids, False)
    if fault < 0:
        return fault
    mask = (1 << counters[_BITS]) - 1
    for id in ids:
        page = id & mask
        table[page, _REFS] += 1
        if table[page, _REFS] == 2:
            counters[_SHARED] += 1
    counters[_LOGICAL] += len(ids)
    return 0


@jit
def _release(table, counters, ids):
    fault = _check(table, counters, ids, True)
    if fault < 0:
        return fault
    before = counters[_USED]
    _drop(table, counters, ids, ids[:0])
    counters[_LOGICAL] -= len(ids)
    return before - counters[_USED]


@jit
def _read(table, counters, ids, pages):
    fault = _check(table, counters, ids, False)
    if fault == 0:
        mask = (1 << counters[_BITS]) - 1
        for i in range(len(ids)):
            pages[i] = ids[i] & mask
    return fault


@jit
def _plan_copies(table, counters, ids, private, writable):
    """Write the ids after `write` into `private`; how many are copies. Without content they are taken at once."""
    mask = (1 << counters[_BITS]) - 1
    room = counters[_CAPACITY] - counters[_USED]
    top = len(table) - counters[_USED] - 1
    copies = fault = checked = 0
    for i in range(len(ids)):
        page = ids[i] & mask
        fault = _fault(table, counters, ids[i], True)
        if fault:
            break
        checked += 1
        private[i] = ids[i]
        # Those of its holders that stand before this one in the batch have copies already.
        if table[page, _REFS] - table[page, _MARK] >= 1 or (writable and table[page, _PROTECTED]):
            if copies < room:
                private[i] = _id(table, counters, table[top - copies, _FREE])
            copies += 1
    for i in range(checked):
        table[ids[i] & mask, _MARK] = 0
    if fault:
        return -(4 * checked + fault)
    if copies > room:
        return _FULL
    if copies and counters[_BARE]:
        _replace(table, counters, ids, private)
    return copies


@jit
def _replace(table, counters, ids, private):
    mask = (1 << counters[_BITS]) - 1
    copies = 0
    for i in range(len(ids)):
        if private[i] != ids[i]:
            table[private[i] & mask, _REFS] = 1
            copies += 1
    _count_used(counters, copies)  # the copies are off the stack before pages that nobody holds any more go onto it
    _drop(table, counters, ids, private)
    counters[_COPIES] += copies


@jit
def _check(table, counters, ids, mark):
    """0, or the fault of the first id that has one. The pages stay marked where all is well and that is asked for."""
    fault = checked = 0
    for id in ids:
        fault = _fault(table, counters, id, mark)
        if fault:
            break
        checked += 1
    if not fault:
        return 0
    if mark:
        mask = (1 << counters[_BITS]) - 1
        for i in range(checked):
            table[ids[i] & mask, _MARK] = 0
    return -(4 * checked + fault)


@jit
def _fault(table, counters, id, mark):
    """What is wrong with an id, + 1, or 0. With `mark` its page is marked, which works as often as it is held."""
    bits = counters[_BITS]
    page = id & ((1 << bits) - 1)
    if id < 0 or page >= len(table):
        return _UNKNOWN + 1
    if table[page, _REFS] == 0:
        return _NOT_IN_USE + 1
    if table[page, _GENERATION] != id >> bits:
        return _STALE + 1
    if mark:
        if table[page, _MARK] == table[page, _REFS]:
            return _TOO_OFTEN + 1
        table[page, _MARK] += 1
    return 0


@jit
def _drop(table, counters, ids, copies):
    """Take one holder from each page, but for those that `copies`, if given, has no copy of; without any it is free."""
    mask = (1 << counters[_BITS]) - 1
    last_generation = (1 << (31 - counters[_BITS])) - 1
    used = counters[_USED]  # and below, in registers: this is the longest loop
    unshared = 0
    for i in range(len(ids)):
        if len(copies) and copies[i] == ids[i]:
            continue
        page = ids[i] & mask
        table[page, _MARK] = 0
        refs = table[page, _REFS] - 1
        table[page, _REFS] = refs
        unshared += refs == 1
        if refs == 0:
            table[page, _GENERATION] = (table[page, _GENERATION] + 1) & last_generation
            table[page, _PROTECTED] = 0
            used -= 1
            table[len(table) - used - 1, _FREE] = page
    counters[_USED] = used
    counters[_SHARED] -= unshared


@jit
def _count_used(counters, more):
    counters[_USED] += more
    counters[_PEAK] = max(counters[_PEAK], counters[_USED])


@jit
def _id(table, counters, page):
    return page | (table[page, _GENERATION] << counters[_BITS])
