"""The offline optimum by looking at everything a cache could hold: exponential, so for tiny traces only."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator


def most_prefix_hits(
    requests: list[list[int]], capacity: int, *, bypass: bool, worth: Callable[[int, int], int] = lambda _, hits: hits
) -> int:
    """The most page hits, in contiguous prefixes from the start of each request, of any cache of `capacity` pages.

    The cache may hold any set of pages, also ones whose prefix it does not hold. It takes in pages of the running
    request only: with `bypass` any of them, without it all of them, or the first `capacity` of a longer request.
    `worth` is what a number of hits of a request counts.
    """
    most = {frozenset[int](): 0}
    for request, pages in enumerate(requests):
        after: dict[frozenset[int], int] = {}
        needed = frozenset[int]() if bypass else frozenset(pages[:capacity])
        for held, total in most.items():
            hits = next((i for i, page in enumerate(pages) if page not in held), len(pages))
            for kept in _subsets(held | set(pages)):
                if len(kept) <= capacity and needed <= kept:
                    after[kept] = max(after.get(kept, 0), total + worth(request, hits))
        most = after
    return max(most.values())


def most_sized_hits(accesses: list[int], sizes: list[int], capacity: int, *, in_bytes: bool) -> int:
    """The most hits, or bytes hit, of any cache of `capacity` bytes that may keep a missed object out."""
    most = {frozenset[int](): 0}
    for page in accesses:
        after: dict[frozenset[int], int] = {}
        for held, hits in most.items():
            hits += (sizes[page] if in_bytes else 1) * (page in held)
            for kept in _subsets(held | {page}):
                if sum(sizes[each] for each in kept) <= capacity:
                    after[kept] = max(after.get(kept, 0), hits)
        most = after
    return max(most.values())


def _subsets(pages: Iterable[int]) -> Iterator[frozenset[int]]:
    pages = sorted(pages)
    for size in range(len(pages) + 1):
        yield from map(frozenset, itertools.combinations(pages, size))
