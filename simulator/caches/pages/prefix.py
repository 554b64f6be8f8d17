"""A request's pages in a `PrefixCache`, and what requests and caches say of themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .page_pool import PageError

if TYPE_CHECKING:
    from .prefix_cache import PrefixCache


class PrefixStats(NamedTuple):
    """Figures of a prefix cache, in pages but for `lookups`. hits / pages is the prefix hit ratio."""

    capacity: int
    cached: int
    pinned: int  # cached, and in use
    peak: int  # most cached at one time
    lookups: int
    pages: int  # looked up
    hits: int
    evictions: int


@dataclass(eq=False, slots=True)
class Prefix:
    """The pages of one request in a `PrefixCache`: those in front that are cached are pinned until it is released."""

    pages: np.ndarray  # (n,) uint32: the cache's numbers of the request's pages; only the first `held` are settled
    hits: int  # pages that the lookup found
    held: int  # pages that are cached and pinned for this request, counted from its start
    ids: np.ndarray  # (held,) int32: where they lie in the pool; empty without one
    tokens: np.ndarray  # (n * page_tokens,) uint32; empty in a cache of a trace
    root: int
    cache: PrefixCache | None  # that pins the pages; None once released


def full_pages(tokens: np.ndarray, page_tokens: int) -> np.ndarray:
    """Those of the full pages, (n * page_tokens,) uint32."""
    given = integers(tokens, 1 << 32, "token")
    return given[: len(given) // page_tokens * page_tokens].astype(np.uint32)


def integers(values: np.ndarray, below: int, what: str) -> np.ndarray:
    given = np.asarray(values)
    if given.ndim != 1 or (len(given) and given.dtype.kind not in "iu"):
        raise PageError(f"{what}s are {given.ndim}-d {given.dtype}; give a 1-d array of integers")
    if len(given) and not 0 <= int(given.min()) <= int(given.max()) < below:
        raise PageError(
            f"{what} {given.min() if given.min() < 0 else given.max()}: is out of range; use 0 to {below - 1}"
        )
    return given.astype(np.int64)
