"""Who leaves: one file per eviction policy, the contract they keep, and the compiler that binds them to a loop.

A policy is a module (or any object) of plain functions over a NamedTuple of NumPy arrays indexed by page id:

    class State(NamedTuple): ...                  # every array the policy needs
    def init(capacity, n_pages) -> State          # ids run from 0 to n_pages - 1; allocate everything here
    def on_hit(state, page, now)                  # a cached page was used
    def on_insert(state, page, now)               # a missed page enters the cache
    def evict(state, now) -> page                 # choose a cached page and forget it
    def admit(state, page, now) -> bool           # optional, asked before evict(): may this missed page enter?
    def stats(state) -> dict                      # optional, runs uncompiled after the replay

`now` is the number of the page access within the trace. Parameters are keyword-only arguments of init with
defaults, and go into the state. An init that names a positional `seed` gets one; one that names `future` is an
offline policy and gets the trace; one that names `page_bytes` gets the size of every page, or None where all count
as one; `page_cost`, likewise, what a miss of each page costs; `byte_capacity` is what the cache holds in bytes, or None
likewise; `parent`, (n_pages,) int32, is the page before each page in every request, -1 for none, and rules out traces
whose pages form no prefixes; `requests` is what a policy may know of the requests (`Requests`). `queue`,
(n_pages,) int32, is how many requests that wait in a server ask for each page, kept up to date by the server; None
without a clock, when nobody waits. With a clock `requests` is None, for nobody knows who comes next. Hooks may call
helpers; they compile with numba, and must not allocate.

A policy that never counts in pages (no queue limit, no sketch) says `SIZED = True` and may then be used where pages
differ in size; `capacity` is n_pages there. One that makes sense only where requests are prefixes says
`READING = "prefix"`, and is refused elsewhere. One that a smaller cache on fewer pages tells nothing about says
`SCALES = False`, and is not estimated from samples. One that decides itself who stays out says `ADMISSION = True`: none
of the filters in `admission` goes in front of it.

A page that is found too old, or of another size than before, is renewed in place: the row counts a miss, the policy
sees a hit. `page_bytes` is the largest size of each page.

evict() is called only while the policy holds a page. A page that it returns may be unable to leave at once: a
running request uses it, or (prefix reading) cached pages depend on it. It then stays cached though the policy forgot
it, and leaves as soon as it can; if it is used before that, on_insert() tells the policy of it again.

A policy may instead be a whole prefix cache, as LLM servers have them, which decides by request. In place of the four
hooks that decide by page it has one, and works in the prefix reading only:

    def serve(state, pages, request) -> hits, added, removed

`pages`, (n,) uint32 with n above 0, are those of request number `request`. It returns how many of them hit, counted
from the start, how many pages it cached that were not, and how many cached ones it removed to make room.
"""

from .admission import split_filters
from .errors import PolicyError
from .hooks import Hooks
from .registry import Future, Policy, Requests, filtered, find, get, names

__all__ = [
    "Future",
    "Hooks",
    "Policy",
    "PolicyError",
    "Requests",
    "filtered",
    "find",
    "get",
    "names",
    "split_filters",
]
