"""Finds the cached pages of a prompt's longest prefix, keeps them while it runs, and lets any policy say what leaves.

The loop is that of the replay (`loops.replay_prefix`), asked for one step of a request at a time: requests overlap.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kvreplay.jit import HAS_NUMBA
from kvreplay.policies import Policy, PolicyError, get
from kvreplay.policies.bind import bind
from kvreplay.simulator.replay import loops

from .page_index import PageIndex
from .page_pool import PageError, PagePool, whole
from .prefix import Prefix, PrefixStats, full_pages, integers

if TYPE_CHECKING:
    from kvreplay.traces.trace import Trace

_KNOWN_FOR_EACH = 4  # pages known for each that may be cached: what policies remember of the others is about as long
_NO_IDS = np.empty(0, np.int32)


class PrefixCache:
    """At most `capacity` pages of prompts, found by longest prefix; a page leaves only after the pages behind it.

    Give `lookup` tokens; or, in a cache made by `for_trace`, a trace's page numbers. Every full page of `page_tokens`
    tokens counts; servers, which must compute at least one token of every prompt, look up all tokens but the last.
    `policy`, any by-page one, says what leaves. A tenant's `salt` keeps its pages apart from others'.

    A request is: `lookup`, which pins what it finds; compute the rest; `insert` it; `release`. In between others come
    and go. Fed one at a time, requests hit exactly what ``replay(trace, policy, capacity, reading="prefix")`` hits.

    With a `pool`, the cache is one holder of the physical page behind each cached page, so that whoever writes to one
    gets a copy. A lookup makes the request a holder too; releasing that, as all pages of a request, is the request's.

    Raises PolicyError for a policy that is a whole prefix cache, or that must know a trace without having one.
    """

    def __init__(
        self,
        capacity: int,
        policy: Any = "lru",
        *,
        page_tokens: int = 16,
        pool: PagePool | None = None,
        seed: int = 0,
        compiled: bool = HAS_NUMBA,
    ) -> None:
        capacity = whole(capacity, "capacity", least=1, most=2**28)
        self.page_tokens = whole(page_tokens, "page_tokens", least=1)
        policy = get(policy)
        ahead = policy.needs & {"future", "requests", "parent"}
        if ahead:
            what = f"policy {policy.label} must know the trace ({', '.join(sorted(ahead))})"
            raise PolicyError(f"{what}; use PrefixCache.for_trace, or another policy")
        self._index: PageIndex | None = PageIndex(_KNOWN_FOR_EACH * capacity, self.page_tokens)
        self._set_up(capacity, policy, {"seed": seed}, pool, compiled)

    @classmethod
    def for_trace(
        cls,
        trace: Trace,
        capacity: int,
        policy: Any = "lru",
        *,
        pool: PagePool | None = None,
        seed: int = 0,
        queue: np.ndarray | None = None,
        compiled: bool = HAS_NUMBA,
    ) -> PrefixCache:
        """A cache of the pages of `trace`: its lookups take page numbers, and its policy may know the trace; or, of the
        requests, only how many that wait ask for each page: `queue`, (n_pages,) int32, which the caller keeps.

        Raises TraceError where the trace has no pages that form prefixes.
        """
        from kvreplay.simulator.replay.engine import fit
        from kvreplay.simulator.replay.future import future_of
        from kvreplay.simulator.replay.requests import requests_of

        capacity = whole(capacity, "capacity", least=1, most=2**28)
        policy = get(policy)
        fit(trace, policy, min(capacity, trace.n_pages), reading="prefix")
        told: dict[str, Any] = {"seed": seed, "page_cost": trace.page_cost, "parent": trace.parent, "queue": queue}
        if "future" in policy.needs:
            told["future"] = future_of(trace)
        if "requests" in policy.needs and queue is None:
            told["requests"] = requests_of(trace)
        self = cls.__new__(cls)
        self.page_tokens = trace.page_tokens or 1
        self._index = None
        assert trace.parent is not None  # fit saw to it
        self._parent = trace.parent
        self._set_up(capacity, policy, told, pool, compiled)
        return self

    def _set_up(
        self, capacity: int, policy: Policy, told: dict[str, Any], pool: PagePool | None, compiled: bool
    ) -> None:
        hooks = policy.hooks
        if hooks.by_request:
            raise PolicyError(f"policy {policy.label} is a whole prefix cache of its own; use one that decides by page")
        if hooks.sized_only:
            raise PolicyError(f"policy {policy.label} judges pages by their size, and here all count as one")
        if not hooks.built_in:
            from kvreplay.simulator.replay.trial import try_out

            try_out(policy)
        self.capacity, self.policy, self.pool, self._told = capacity, policy, pool, told
        self._run, self._shrink, self._restart = (
            bind(loop, hooks.compiled, compiled=compiled, cache=hooks.importable)
            for loop in (loops.replay_prefix, loops.shrink_prefix, loops.restart_policy)
        )
        self._tally = np.zeros(loops.TALLY_SIZE, np.int64)
        self._clock = self._lookups = self._looked_up = self._hits = 0  # the clock counts page accesses
        self._cached = np.zeros(0, np.uint8)  # (n_pages,): as in `replay.loops`, as are the other arrays by page
        self._children = self._pins = np.zeros(0, np.int32)  # _pins is what the loop calls `in_use`
        self._ids = np.zeros(0, np.int32)  # (n_pages,): in the pool
        # One request as the replay has many: from where to where, and a scratch for its hits.
        self._span = np.zeros(2, np.int64)
        self._span_seen = _read_only(self._span)
        self._hit = np.empty(0, np.uint8)
        self._new_state()

    def _new_state(self) -> None:
        """Make room for as many pages as are numbered, and a policy's state for the capacity."""
        if self._index is not None:
            self._parent = self._index.table.parent
        n_pages = len(self._parent)
        self._cached, self._children, self._pins, self._ids = (
            np.concatenate([column, np.zeros(n_pages - len(column), column.dtype)])
            for column in (self._cached, self._children, self._pins, self._ids)
        )
        self._parent_seen = _read_only(self._parent)
        self._evicted = np.empty(min(self.capacity, n_pages), np.uint32)
        self._state = self.policy.init(self.capacity, n_pages, **self._told)

    @property
    def by_tokens(self) -> bool:
        """Whether lookups take tokens; else they take a trace's page numbers."""
        return self._index is not None

    @property
    def idle(self) -> int:
        """Cached pages that no request uses."""
        return int(self._tally[loops.USED] - self._tally[loops.PINNED])

    def lookup(self, prompt: np.ndarray, salt: str = "") -> Prefix:
        """Find and pin the longest cached prefix of `prompt`, (n,) tokens or a trace's page numbers.

        With a pool, ids[:hits] of the result are pages that the caller now holds.
        """
        prefix = self._number(prompt, salt)
        n = len(prefix.pages)
        known = self._find(prefix)
        self._clock += n
        prefix.hits = self._hold_cached(prefix, known)
        self._lookups += 1
        self._looked_up += n
        self._hits += prefix.hits
        return prefix

    def peek(self, prompt: np.ndarray, salt: str = "") -> tuple[int, int]:
        """How many pages a `lookup` would find, and how many of these no request uses. Nothing changes by it."""
        prefix = self._number(prompt, salt)
        known = self._find(prefix)
        missed = np.flatnonzero(self._cached[prefix.pages[:known]] == 0)
        hits = int(missed[0]) if len(missed) else known
        return hits, int(np.count_nonzero(self._pins[prefix.pages[:hits]] == 0))

    def extend(self, prefix: Prefix, more: np.ndarray) -> None:
        """Append full pages, as tokens or page numbers, to what `prefix` consists of: what its request generated."""
        self._check(prefix)
        if self._index is None:
            before = prefix.pages[-1:].astype(np.int64)
            pages = self._trace_pages(more, int(before[0]) if len(before) else -1)
        else:
            tokens = full_pages(more, self.page_tokens)
            prefix.tokens = np.concatenate([prefix.tokens, tokens])
            pages = np.zeros(len(tokens) // self.page_tokens, np.uint32)
        prefix.pages = np.concatenate([prefix.pages, pages])
        self._clock += len(pages)

    def insert(self, prefix: Prefix, ids: np.ndarray | None = None) -> int:
        """Cache and pin the pages of `prefix` that are not yet held, as many as there is room for; the number held.

        No more than the first `capacity` pages of a request are cached, and none behind one that the policy does not
        admit. With a pool, `ids` are the request's own pages, of all from `held` on. Where another request cached such
        a page meanwhile, prefix.ids names that one's: the request now holds it, and no more the page it gave.
        """
        self._check(prefix)
        own = self._own_ids(prefix, ids)
        before = prefix.held
        stop = min(len(prefix.pages), self.capacity)
        if before >= stop:
            return before
        if self._index is not None:
            self._index.assign(prefix.tokens, prefix.root, before, stop, prefix.pages, self._cached)
        found = self._hold_cached(prefix, stop)
        if found > before and self.pool is not None:
            self.pool.release(own[: found - before])
        prefix.held = self._step(loops.INSERT, prefix.pages, found, stop, self._clock - len(prefix.pages))
        if prefix.held > found and self.pool is not None:
            new = own[found - before : prefix.held - before]
            self.pool.share(new)
            self._ids[prefix.pages[found : prefix.held]] = new
            prefix.ids = np.concatenate([prefix.ids, new])
        return prefix.held

    def fork(self, prefix: Prefix) -> Prefix:
        """Another request of the same pages, which pins those held; sharing them in the pool is the caller's."""
        self._check(prefix)
        self._pins[prefix.pages[: prefix.held]] += 1
        return replace(prefix, pages=prefix.pages.copy())

    def release(self, prefix: Prefix) -> None:
        """Unpin the pages of `prefix`, which is of no use any more; they stay cached until they are let leave."""
        self._check(prefix)
        self._step(loops.RELEASE, prefix.pages, 0, prefix.held, self._clock - len(prefix.pages))
        prefix.cache = None

    def evict(self, n: int) -> int:
        """Let up to `n` pages leave that no request uses, as a pool that runs out of pages needs; how many left."""
        n = whole(n, "evict: pages", least=0)
        if n == 0:
            return 0
        used, pinned = int(self._tally[loops.USED]), int(self._tally[loops.PINNED])
        tree = (self._parent_seen, self._children, self._pins, self._evicted)
        self._shrink(self._state, max(self._clock - 1, 0), self._cached, max(used - n, pinned), self._tally, *tree)
        return self._settle_evicted()

    def resize(self, capacity: int) -> bool:
        """From now on cache at most `capacity` pages; False, and no change, where more are in use.

        What must leave for it leaves by the policy. The policy then starts anew, knowing of the cached pages only the
        order in which it would have let them leave.
        """
        capacity = whole(capacity, "capacity", least=1, most=2**28)
        if capacity < self._tally[loops.PINNED]:
            return False
        if capacity == self.capacity:
            return True
        self.evict(max(int(self._tally[loops.USED]) - capacity, 0))
        old = self._state
        self.capacity = capacity
        if self._index is not None and len(self._cached) < _KNOWN_FOR_EACH * capacity:
            self._index.grow(_KNOWN_FOR_EACH * capacity)
        self._new_state()
        known = int(self._tally[loops.KNOWN])
        self._restart(old, self._state, known, self._clock - known, self._evicted)
        return True

    def stats(self) -> PrefixStats:
        """Figures of now, and since the cache was made."""
        used, evictions, pinned, peak = (
            int(self._tally[entry]) for entry in (loops.USED, loops.EVICTIONS, loops.PINNED, loops.PEAK)
        )
        return PrefixStats(self.capacity, used, pinned, peak, self._lookups, self._looked_up, self._hits, evictions)

    def _number(self, prompt: np.ndarray, salt: str) -> Prefix:
        if self._index is not None:
            tokens = full_pages(prompt, self.page_tokens)
            pages = np.zeros(len(tokens) // self.page_tokens, np.uint32)
            return Prefix(pages, 0, 0, _NO_IDS, tokens, self._index.root(salt), self)
        if salt:
            raise PageError(
                f"lookup: salt {salt!r}, but a trace's page numbers tell tenants apart already; leave it out"
            )
        return Prefix(self._trace_pages(prompt, -1), 0, 0, _NO_IDS, np.empty(0, np.uint32), 0, self)

    def _trace_pages(self, numbers: np.ndarray, before: int) -> np.ndarray:
        given = integers(numbers, len(self._cached), "page number")
        if (self._parent_seen[given] != np.concatenate([[before], given[:-1]])[: len(given)]).any():
            raise PageError(
                "page numbers of a request that do not follow each other in the trace; give its own, in order"
            )
        return given.astype(np.uint32)

    def _find(self, prefix: Prefix) -> int:
        """How many pages of `prefix` have numbers, from its start."""
        if self._index is None:
            return len(prefix.pages)
        return int(self._index.find(prefix.tokens, prefix.root, prefix.pages))

    def _hold_cached(self, prefix: Prefix, stop: int) -> int:
        """Pin the cached pages of `prefix` from `held` up to `stop`; the new `held`."""
        before = prefix.held
        prefix.held = self._step(loops.LOOKUP, prefix.pages, before, stop, self._clock - len(prefix.pages))
        if prefix.held > before and self.pool is not None:
            ids = self._ids[prefix.pages[before : prefix.held]]
            self.pool.share(ids)
            prefix.ids = np.concatenate([prefix.ids, ids])
        return prefix.held

    def _step(self, step: int, pages: np.ndarray, start: int, stop: int, since: int) -> int:
        self._span[:] = start, stop
        if stop - start > len(self._hit):
            self._hit = np.empty(2 * (stop - start), np.uint8)
        tree = (self._parent_seen, self._children, self._pins, self._evicted)
        shared = (self._hit, self._cached, self.capacity, self._tally, *tree)
        end = self._run(self._state, self._span_seen, _read_only(pages), 0, 1, *shared, step, since)
        self._settle_evicted()
        return int(end)

    def _settle_evicted(self) -> int:
        """Give up the physical pages of those that a step let leave; how many these are."""
        if self._tally[loops.FAULT]:
            from kvreplay.simulator.replay.cell import fault_of

            raise PolicyError(fault_of(self.policy, self._tally))
        left = int(self._tally[loops.LEFT])
        if left and self.pool is not None:
            self.pool.release(self._ids[self._evicted[:left]])
        return left

    def _own_ids(self, prefix: Prefix, ids: np.ndarray | None) -> np.ndarray:
        missing = len(prefix.pages) - prefix.held
        if self.pool is None:
            if ids is not None:
                raise PageError("insert: page ids, but the cache has no pool; make it with pool=")
            return _NO_IDS
        if ids is None or len(ids) != missing:
            given = "none" if ids is None else len(ids)
            raise PageError(f"insert: {given} page ids for {missing} pages; give one for each page from prefix.held on")
        self.pool.read(ids)  # all are in use, or nothing is changed
        return np.asarray(ids, np.int32)

    def _check(self, prefix: Prefix) -> None:
        if prefix.cache is not self:
            what = "was released" if prefix.cache is None else "is of another cache"
            raise PageError(f"prefix {what}; look its prompt up here")


def _read_only(array: np.ndarray) -> np.ndarray:
    """A view of `array` of the kind that a trace's columns are: numba compiles for it separately."""
    view = array.view()
    view.flags.writeable = False
    return view
