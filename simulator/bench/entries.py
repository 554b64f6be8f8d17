"""Eviction policies online, a call at a time as a cache of answers uses them, and the lookup of a whole prompt.

On the CPU clock, the best of the rounds. A call is one `get` and then `touch` or `insert`: with the key's hash table,
the payload and the policy. To switch is to tell the new policy of 1,000 entries in the old one's order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from kvreplay.policies import get, names
from kvreplay.simulator.caches.entries import Entries
from kvreplay.simulator.caches.exact import ExactCache
from kvreplay.simulator.caches.request import Request

from . import Row

_CAPACITY, _KEYS, _CALLS, _PLAIN_CALLS = 1_000, 10_000, 50_000, 5_000


def measure(*, rounds: int, policies: list[str] | None = None) -> Iterator[Row]:
    """Thousand calls per second of each policy, compiled and as plain Python; microseconds of an exact lookup."""
    for policy in policies or _online():
        compiled = max(calls_per_second(policy) for _ in range(rounds))
        plain = max(calls_per_second(policy, _PLAIN_CALLS, compiled=False) for _ in range(rounds))
        yield Row(
            f"Entries under a policy, capacity {_CAPACITY:,}, one call at a time",
            {
                "policy": policy,
                "thousand calls/s": compiled / 1e3,
                "plain Python": plain / 1e3,
                "ms to switch to it": min(switch_seconds(policy) for _ in range(rounds)) * 1e3,
            },
        )
    for characters in (100, 1_000, 10_000, 100_000):
        yield Row(
            "Exact lookup that hits",
            {"characters": characters, "us": min(exact_lookup_seconds(characters) for _ in range(rounds)) * 1e6},
        )


def _online() -> list[str]:
    known = {name: get(name) for name in names()}
    return [name for name, policy in known.items() if not policy.hooks.reading and "future" not in policy.needs]


def calls_per_second(policy: str, calls: int = _CALLS, *, compiled: bool = True) -> float:
    """Calls per CPU second on 1,000 entries under `policy`, keys by Zipf."""
    entries = Entries(_CAPACITY, policy, compiled=compiled)
    entries.insert(-1, None)  # compiles
    keys = _keys(calls)

    def replay() -> None:
        for key in keys:
            entry = entries.get(key)
            if entry is None:
                entries.insert(key, None)
            else:
                entries.touch(entry)

    return calls / _timed(replay)


def switch_seconds(policy: str) -> float:
    """CPU seconds to go on under `policy` with 1,000 entries that LRU had."""
    entries = Entries(_CAPACITY, "lru")
    for key in _keys(_CALLS):
        entries.insert(key, None)
    for name in (policy, "lru"):  # compiles
        entries.switch(name)
    return _timed(lambda: entries.switch(policy))


def exact_lookup_seconds(characters: int, calls: int = 1_000) -> float:
    """CPU seconds of a lookup that hits, of a prompt of so many characters."""
    cache = ExactCache(1)
    text = "x" * characters
    request = Request(0, 0.0, text.encode(), text)
    cache.insert(request)

    def look_up() -> None:
        for _ in range(calls):
            cache.lookup(request)

    return _timed(look_up) / calls


def _keys(calls: int) -> list[int]:
    return (np.random.default_rng(0).zipf(1.2, calls) % _KEYS).tolist()


def _timed(work: Callable[[], None]) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start
