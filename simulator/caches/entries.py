"""The entries of a cache, and the policy that says which of them leaves: one owner for key, place and payload.

Any policy of `kvreplay.policies` that decides by page runs here online, an entry for a page. A policy is compiled when
it is first used: a call then takes about 1 us whatever the policy, where plain Python takes 1 us (FIFO) to 80 us
(adaptive); `kvreplay bench entries` measures it.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from kvreplay.policies import Policy, PolicyError, get
from kvreplay.policies.bind import bind
from kvreplay.simulator.replay.trial import try_out

from . import steps
from .errors import CacheError

# Ids per entry: policies remember what left, in ghost lists as long as the cache or a few times that. To them a key
# that gets the id of one they remember is that one: with 4 ids an entry ARC and LIRS lose hits, with 16 nobody does
# whose ghost list is bounded (a test holds them to it).
_IDS_PER_ENTRY = 16
_LEAST_IDS = 1024


class Entry:
    """What a cache holds under one key."""

    __slots__ = ("id", "key", "live", "slot", "value", "written")

    def __init__(self, id: int, key: Hashable, slot: int) -> None:
        self.id, self.key, self.slot = id, key, slot
        self.live = False
        self.value: Any = None
        self.written = 0.0


class Entries:
    """Entries by key, each in a slot of 0 .. capacity - 1 of its own, under any policy that decides by page.

    `ttl` is how many seconds an entry is good for since it was written. `ids` bounds how many keys the policy can tell
    apart, those that left included; beyond it the key that left longest ago is forgotten and its id given to another.
    `leave(entry)` is called as an entry leaves, by eviction or age, `move(entry, slot)` before it changes its slot.
    `compiled=False` runs the policy as plain Python.

    Raises CacheError for a capacity below 1 or not below `ids`, PolicyError for a policy that needs a trace.
    """

    def __init__(
        self,
        capacity: int,
        policy: Any = "lru",
        *,
        ttl: float | None = None,
        ids: int | None = None,
        seed: int = 0,
        leave: Callable[[Entry], None] = lambda entry: None,
        move: Callable[[Entry, int], None] = lambda entry, slot: None,
        compiled: bool = True,
    ) -> None:
        if not isinstance(capacity, int | np.integer) or capacity < 1:
            raise CacheError(f"capacity {capacity}: a cache holds at least one entry; use 1 or more")
        if ttl is not None and not 0 < ttl < np.inf:
            raise CacheError(f"ttl {ttl}: is no time to live; use seconds above 0")
        self.ids = max(_IDS_PER_ENTRY * capacity, _LEAST_IDS) if ids is None else ids
        if self.ids <= capacity:
            raise CacheError(f"ids {self.ids}: {capacity} entries need more of them; use {capacity + 1} or more")
        self.policy = online(policy)
        self.capacity = capacity
        self.reset_counters()
        self._ttl, self._seed, self._compiled = ttl, seed, compiled
        self._leave, self._move = leave, move
        self._known: dict[Hashable, int] = {}
        self._absent: OrderedDict[int, Hashable] = OrderedDict()  # known, but not held; first who left first
        self._held: dict[int, Entry] = {}  # what the policy holds, too old ones included
        self._ages: OrderedDict[int, None] = OrderedDict()  # the ids of live entries, first written first
        self._slots: list[Entry | None] = [None] * capacity
        self._free = list(range(capacity - 1, -1, -1))
        self._cached = np.zeros(self.ids, np.uint8)
        self._used = np.zeros(1, np.int64)
        self._now = 0
        self._start()

    def __len__(self) -> int:
        """Entries that can be found."""
        return len(self._ages)

    def get(self, key: Hashable) -> Entry | None:
        """The entry under `key`. The policy does not hear of it."""
        entry = self._held.get(self._known.get(key, -1))
        return entry if entry is not None and entry.live else None

    def at(self, slot: int) -> Entry | None:
        """The entry in `slot`."""
        entry = self._slots[slot]
        return entry if entry is not None and entry.live else None

    def touch(self, entry: Entry) -> None:
        """Tell the policy that `entry` was used. Raises CacheError where it has left."""
        if self._held.get(entry.id) is not entry or not entry.live:
            raise CacheError(f"entry {entry.key!r}: has left the cache; look it up again")
        self._access(entry.id)

    def insert(self, key: Hashable, value: Any, time: float = 0.0) -> Entry | None:
        """Hold `value` under `key` since `time`, in place of what was there; None where the policy refuses it."""
        id = self._id_of(key)
        outcome = self._access(id)
        if outcome == steps.REFUSED:
            self.refusals += 1
            self._absent[id] = key
            return None
        if outcome >= 0:
            self.evictions += 1
            self._drop(outcome)
        entry = self._held.get(id)
        if entry is None:
            entry = self._held[id] = Entry(id, key, self._free.pop())
            self._slots[entry.slot] = entry
        elif entry.live:
            self._expire(entry)  # its vector and payload are replaced
        entry.value, entry.written, entry.live = value, time, True
        self._ages[id] = None
        return entry

    def expire(self, time: float) -> None:
        """Let go of what is older than the time to live. It keeps its place until the policy names it or it is renewed:
        a policy need not be able to forget on demand."""
        while self._ttl is not None and self._ages:
            entry = self._held[next(iter(self._ages))]
            if time - entry.written <= self._ttl:
                break
            self._expire(entry)
            self.expiries += 1

    def resize(self, capacity: int) -> None:
        """Hold at most `capacity` entries from now on; those beyond it leave at once.

        Raises PolicyError for a policy that counts in entries, CacheError for a capacity below 1 or not below `ids`.
        """
        if not self.policy.hooks.resizable:
            raise PolicyError(
                f"policy {self.policy.label} divides its capacity when it starts; to resize use one that does not "
                "count in pages, such as lru, lfu, sieve or gdsf"
            )
        if not 1 <= capacity < self.ids:
            raise CacheError(f"capacity {capacity}: is out of range; use 1 to {self.ids - 1}, or start with more ids")
        for id in self._drain(max(int(self._used[0]) - capacity, 0)):
            self._cached[id] = 0
            self._used[0] -= 1
            self.evictions += 1
            self._drop(id)
        low = [slot for slot in self._free if slot < capacity]
        for slot in range(capacity, self.capacity):
            entry = self._slots[slot]
            if entry is not None:
                to = low.pop()
                if entry.live:
                    self._move(entry, to)
                entry.slot, self._slots[to] = to, entry
        self._slots = self._slots[:capacity] + [None] * (capacity - self.capacity)
        self._free = [slot for slot in range(capacity - 1, -1, -1) if self._slots[slot] is None]
        self.capacity = capacity

    def switch(self, policy: Any) -> None:
        """Go on under another policy, which is told of the entries in the order in which the old one would have let
        them go; what either knew of entries that had left is lost. Raises PolicyError for one that needs a trace."""
        policy = online(policy)
        order = self._drain(len(self._held))
        self.policy = policy
        self._start()
        self._bind(steps.fill)(self._state, order, self._now)

    def reset_counters(self) -> None:
        self.evictions = self.expiries = self.refusals = 0

    def stats(self) -> dict[str, Any]:
        """Settings and counters. `refusals`: keys that the policy kept out; `expiries`: entries that grew too old."""
        return {
            "capacity": self.capacity,
            "policy": self.policy.label,
            "ttl": self._ttl,
            "entries": len(self),
            "evictions": self.evictions,
            "expiries": self.expiries,
            "refusals": self.refusals,
        }

    def _start(self) -> None:
        pages = self.ids if self.policy.hooks.resizable else self.capacity
        self._state = self.policy.init(pages, self.ids, seed=self._seed)
        self._step = self._bind(steps.access)

    def _bind(self, step: Callable[..., Any]) -> Any:
        hooks = self.policy.hooks
        # What is not built in may index beyond an array, which would corrupt memory.
        return bind(step, hooks.compiled, compiled=self._compiled, checked=not hooks.built_in, cache=hooks.importable)

    def _access(self, id: int) -> int:
        outcome = int(self._step(self._state, id, self._now, self._cached, self._used, self.capacity))
        if outcome >= 0:
            self._check_victims([outcome])
        self._now += 1
        return outcome

    def _id_of(self, key: Hashable) -> int:
        id = self._known.get(key)
        if id is not None:
            self._absent.pop(id, None)
            return id
        if len(self._known) < self.ids:
            id = len(self._known)
        else:
            id, former = self._absent.popitem(last=False)
            del self._known[former]
        self._known[key] = id
        return id

    def _drain(self, count: int) -> np.ndarray:
        """The ids of the next `count` entries to leave, which the policy has let go of."""
        victims = np.empty(count, np.uint32)
        if count:
            self._bind(steps.drain)(self._state, victims, self._now)
            self._check_victims(victims.tolist())
        return victims

    def _check_victims(self, victims: list[int]) -> None:
        wrong = [id for id in victims if id not in self._held] or [id for id, n in Counter(victims).items() if n > 1]
        if wrong:
            code = self.policy.hooks.decide_code
            raise PolicyError(
                f"{code.co_filename}:{code.co_firstlineno}: evict() returned {wrong[0]}, which is not cached; "
                "return a page that was inserted and not evicted since"
            )

    def _drop(self, id: int) -> None:
        entry = self._held.pop(int(id))
        if entry.live:
            self._expire(entry)
        self._slots[entry.slot] = None
        self._free.append(entry.slot)
        self._absent[entry.id] = entry.key

    def _expire(self, entry: Entry) -> None:
        """Take the entry out of reach."""
        self._leave(entry)
        del self._ages[entry.id]
        entry.live, entry.value = False, None


def online(policy: Any) -> Policy:
    """`policy`, anything that `policies.get` takes, where it can run without a trace. Raises PolicyError."""
    policy = get(policy)
    hooks = policy.hooks
    wants = sorted(policy.needs & {"future", "parent", "requests"})
    if hooks.reading is not None or wants:
        what = "works on prefixes of pages" if hooks.reading else f"needs to know a trace's {wants[0]}"
        raise PolicyError(f"policy {policy.label} {what}; a cache of entries has none, use another policy")
    if hooks.sized_only:
        raise PolicyError(f"policy {policy.label} judges by size, and entries count as one; use another filter")
    try_out(policy)
    return policy
