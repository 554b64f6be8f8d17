"""Who may enter: admission filters, which go in front of any policy that lets everything in (``lru+tinylfu``).

A filter is a module in this folder, of plain functions over a NamedTuple of NumPy arrays, as a policy is:

    class State(NamedTuple): ...
    def init(capacity, n_pages) -> State          # may also name seed, page_bytes, byte_capacity, as a policy's may
    def on_access(state, page, now)               # optional: a page was used, cached or not; told before admit()
    def admit(state, page, now) -> bool           # the cache is full: may this missed page, the one just used, enter?
    def stats(state) -> dict                      # optional, runs uncompiled after the replay

Parameters are keyword-only arguments of init with defaults. A filter that names `victim`, ``admit(state, page,
victim, now)``, is told the page that would leave. One that makes sense only where pages differ in size says
`SIZED_ONLY = True`. While the cache is not full everything enters, so a cache of the whole footprint has only
compulsory misses whatever its filter.

`compose` makes one policy of a policy and a filter; `composed` says in which order the two hear of what.
"""

from .compose import FILTERS, Filter, compose, get_filter, split_filters

__all__ = ["FILTERS", "Filter", "compose", "get_filter", "split_filters"]
