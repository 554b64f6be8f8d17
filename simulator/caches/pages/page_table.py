"""The table behind a `PagePool`: how many hold each page, as rows of numbers, and the compiled functions over it."""

from __future__ import annotations

import numpy as np

from kvreplay.jit import jit

# Columns of the page table, (pages, 5) int32, a row for each physical page.
REFS = 0  # holders; 0: free
GENERATION = 1  # how often the page was freed, modulo what fits into an id
PROTECTED = 2  # 1: never written in place
MARK = 3  # scratch of one call: how often its ids name the page
FREE = 4  # of the first rows: the stack of free pages

# Entries of the counters, int64.
CAPACITY, USED, LOGICAL, SHARED, PEAK, COPIES, MERGED = range(7)
BITS = 7  # of the page number in an id
BARE = 8  # 1: there is no content to copy
REFUSED = 9

# What may be wrong with an id, and what the compiled functions return instead of it: -(4 * position + fault + 1).
UNKNOWN, NOT_IN_USE, STALE, TOO_OFTEN = range(4)
FULL = -(2**62)


def new_rows(first: int, stop: int) -> np.ndarray:
    rows = np.zeros((stop - first, 5), np.int32)
    rows[:, FREE] = np.arange(stop - 1, first - 1, -1)  # the last is taken first
    return rows


@jit
def create_pages(table, counters, ids):
    used = counters[USED]
    if len(ids) > counters[CAPACITY] - used:
        counters[REFUSED] += 1
        return False
    top = len(table) - used - 1
    for i in range(len(ids)):
        page = table[top - i, FREE]
        table[page, REFS] = 1
        ids[i] = _id(table, counters, page)
    counters[LOGICAL] += len(ids)
    _count_used(counters, len(ids))
    return True


@jit
def share_pages(table, counters, ids):
    fault = check_ids(table, counters, ids, False)
    if fault < 0:
        return fault
    mask = (1 << counters[BITS]) - 1
    for id in ids:
        page = id & mask
        table[page, REFS] += 1
        if table[page, REFS] == 2:
            counters[SHARED] += 1
    counters[LOGICAL] += len(ids)
    return 0


@jit
def release_pages(table, counters, ids):
    fault = check_ids(table, counters, ids, True)
    if fault < 0:
        return fault
    before = counters[USED]
    _drop(table, counters, ids, ids[:0])
    counters[LOGICAL] -= len(ids)
    return before - counters[USED]


@jit
def read_pages(table, counters, ids, pages):
    fault = check_ids(table, counters, ids, False)
    if fault == 0:
        mask = (1 << counters[BITS]) - 1
        for i in range(len(ids)):
            pages[i] = ids[i] & mask
    return fault


@jit
def plan_copies(table, counters, ids, private, writable):
    """Write the ids after `write` into `private`; how many are copies. Without content they are taken at once."""
    mask = (1 << counters[BITS]) - 1
    room = counters[CAPACITY] - counters[USED]
    top = len(table) - counters[USED] - 1
    copies = fault = checked = 0
    for i in range(len(ids)):
        page = ids[i] & mask
        fault = _fault(table, counters, ids[i], True)
        if fault:
            break
        checked += 1
        private[i] = ids[i]
        # Those of its holders that stand before this one in the batch have copies already.
        if table[page, REFS] - table[page, MARK] >= 1 or (writable and table[page, PROTECTED]):
            if copies < room:
                private[i] = _id(table, counters, table[top - copies, FREE])
            copies += 1
    for i in range(checked):
        table[ids[i] & mask, MARK] = 0
    if fault:
        return -(4 * checked + fault)
    if copies > room:
        counters[REFUSED] += 1
        return FULL
    if copies and counters[BARE]:
        replace_pages(table, counters, ids, private)
    return copies


@jit
def replace_pages(table, counters, ids, private):
    mask = (1 << counters[BITS]) - 1
    copies = 0
    for i in range(len(ids)):
        if private[i] != ids[i]:
            table[private[i] & mask, REFS] = 1
            copies += 1
    _count_used(counters, copies)  # the copies are off the stack before pages that nobody holds any more go onto it
    _drop(table, counters, ids, private)
    counters[COPIES] += copies


@jit
def check_ids(table, counters, ids, mark):
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
        mask = (1 << counters[BITS]) - 1
        for i in range(checked):
            table[ids[i] & mask, MARK] = 0
    return -(4 * checked + fault)


@jit
def _fault(table, counters, id, mark):
    """What is wrong with an id, + 1, or 0. With `mark` its page is marked, which works as often as it is held."""
    bits = counters[BITS]
    page = id & ((1 << bits) - 1)
    if id < 0 or page >= len(table):
        return UNKNOWN + 1
    if table[page, REFS] == 0:
        return NOT_IN_USE + 1
    if table[page, GENERATION] != id >> bits:
        return STALE + 1
    if mark:
        if table[page, MARK] == table[page, REFS]:
            return TOO_OFTEN + 1
        table[page, MARK] += 1
    return 0


@jit
def _drop(table, counters, ids, copies):
    """Take one holder from each page, but for those that `copies`, if given, has no copy of; without any it is free."""
    mask = (1 << counters[BITS]) - 1
    last_generation = (1 << (31 - counters[BITS])) - 1
    used = counters[USED]  # and below, in registers: this is the longest loop
    unshared = 0
    for i in range(len(ids)):
        if len(copies) and copies[i] == ids[i]:
            continue
        page = ids[i] & mask
        table[page, MARK] = 0
        refs = table[page, REFS] - 1
        table[page, REFS] = refs
        unshared += refs == 1
        if refs == 0:
            table[page, GENERATION] = (table[page, GENERATION] + 1) & last_generation
            table[page, PROTECTED] = 0
            used -= 1
            table[len(table) - used - 1, FREE] = page
    counters[USED] = used
    counters[SHARED] -= unshared


@jit
def _count_used(counters, more):
    counters[USED] += more
    counters[PEAK] = max(counters[PEAK], counters[USED])


@jit
def _id(table, counters, page):
    return page | (table[page, GENERATION] << counters[BITS])
