"""What no cache passes, whatever its policy: the offline optimum, or bounds on both its sides.

Equal pages, independent reading. A page that hits was kept since its last use. MIN with bypass (`belady-bypass`) finds
the most such stays of which no more than the capacity overlap, so it is the optimum.

Equal pages, prefix reading. Here a page hits only where all before it in its request do, so one might expect less. But
every request that uses a page uses the pages before it as well, just before it. So a page's next use is never earlier
than theirs, and to keep the pages of nearest next use is to keep every page together with its prefix:

- MIN with bypass leaves no hole in a prefix, by itself: all its hits are prefix hits. A prefix cache can do the same
  between requests, and what it drops never is a page that the running request hit: those come sooner than the page that
  it takes in. So the optimum of the independent reading is reached.
- No prefix cache gets more, even one that keeps pages behind holes. Take what it holds from one request to the next.
  Within a request of h hits, from which n pages are kept, a page that hit need stay only until it is used, and a page
  to keep only from then on. As hits come first, these overlap in max(h, n) pages or fewer, and the cache had room for
  h before the request and for n after it. So a cache of independent pages can do the same.

A cache without bypass, one that must hold a running request (or the first `capacity` pages of a longer one), has less:
where k pages are in use, capacity - k are left for the others. MIN (`belady`) is the optimum of that: where stays
overlap too much, to give up the one that ends last is right wherever the limit stands, and the argument above keeps
prefixes whole. Both optima are held against an exhaustive search in the tests.

Tokens: the last page of a prompt may hold fewer. As no cache hits more pages than the optimum, none saves more tokens
than so many of the fullest pages that were seen before.

Objects of different sizes: see `pfoo`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from kvreplay.policies import get
from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace

from .capacity import Capacity
from .engine import fit, replay
from .future import future_of
from .pfoo import pfoo


class Bound(NamedTuple):
    """A cache that knows the future reaches `lower`; no cache passes `upper`. Where they are equal: the optimum."""

    lower: int
    upper: int


def bounds(
    trace: Trace, capacity: str | int | Capacity, *, reading: str = "independent", bytes_per_token: int | None = None
) -> dict[str, Bound]:
    """Bounds on a row's `hits`, on its `tokens_saved` where pages hold tokens, and on its `byte_hits` by size in bytes.

    `trace`, `capacity`, `reading` and `bytes_per_token` are those of `replay`, and so are the errors raised.
    Besides, raises TraceError for a capacity in bytes where objects change size.
    """
    size = fit(trace, get("lru"), capacity, reading=reading, bytes_per_token=bytes_per_token)
    if size.unit == "bytes" and trace.access_bytes is not None:
        raise TraceError(
            f"no bound is known where objects change size, as in {trace.name}", mend="give the capacity in pages"
        )
    if size.unit == "bytes":
        return {
            "hits": Bound(*pfoo(trace, size.amount, in_bytes=False)),
            "byte_hits": Bound(*pfoo(trace, size.amount, in_bytes=True)),
        }
    most = reached = replay(trace, "belady-bypass", size.amount).row
    if reading == "prefix":
        reached = replay(trace, "belady-bypass", size.amount, reading=reading).row
    found = {"hits": Bound(reached["hits"], most["hits"])}
    if trace.page_tokens is not None:
        found["tokens_saved"] = Bound(reached["tokens_saved"], _fullest(trace, most["hits"]))
    return found


def _fullest(trace: Trace, hits: int) -> int:
    """Prompt tokens in the `hits` fullest page accesses, of those whose page was seen before."""
    next_use = future_of(trace).next_use
    again = next_use[next_use < len(next_use)]
    if trace.prompt_tokens is None:
        tokens = np.full(len(again), trace.page_tokens)
    else:
        request = np.searchsorted(trace.offsets, again, side="right") - 1
        before = (again - trace.offsets[request]) * trace.page_tokens
        tokens = np.clip(trace.prompt_tokens[request] - before, 0, trace.page_tokens)
    return int(np.sort(tokens)[::-1][:hits].sum())
