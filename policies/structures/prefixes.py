"""What policies for prefixes share: how deep a page lies, and which request an access belongs to."""

from __future__ import annotations

import numpy as np


def depths(parent: np.ndarray) -> np.ndarray:
    """(n_pages,) int64: the pages of each page's prefix, itself included, from `parent`, (n_pages,) int32."""
    depth = np.ones(len(parent), np.int64)  # pages from this one up to `above`, which does not count
    above = parent.copy()
    below_others = np.flatnonzero(above >= 0)
    while len(below_others):  # distances double with every step
        jump = above[below_others]
        depth[below_others] += depth[jump]
        above[below_others] = above[jump]
        below_others = below_others[above[below_others] >= 0]
    return depth


def request_of(cursor, offsets, now):
    """The number of the request that makes access `now`; `cursor`, (1,) int64, is that of the former call."""
    while offsets[cursor[0] + 1] <= now:
        cursor[0] += 1
    return cursor[0]
