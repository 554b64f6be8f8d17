"""Policies one call at a time: the loops of caches that live outside a trace. `policies.bind` fills in the hooks."""

from __future__ import annotations

import numpy as np

# What `access` returns where it is not the id that left for the new one.
HIT, REFUSED, ENTERED = -1, -2, -3

# Blanks: what the steps call, replaced by a policy's functions when they are bound.


def on_hit(state, page, now): ...


def on_insert(state, page, now): ...


def evict(state, now): ...


def admit(state, page, now): ...


def access(state, page, now, cached, held, capacity):
    """One access to `page`, which enters if it is not cached. `cached` (ids,) uint8, `held` (1,) int64.

    Returns the id that left, or one of HIT, REFUSED and ENTERED. An id that cannot leave is returned as it is, and
    nothing but the policy's state has changed.
    """
    page = np.uint32(page)
    if cached[page]:
        on_hit(state, page, now)
        return np.int64(HIT)
    outcome = np.int64(ENTERED)
    if held[0] < capacity:
        held[0] += 1
    elif admit(state, page, now):
        outcome = np.int64(evict(state, now))
        if outcome < 0 or outcome >= len(cached) or not cached[outcome]:
            return outcome
        cached[outcome] = 0
    else:
        return np.int64(REFUSED)
    cached[page] = 1
    on_insert(state, page, now)
    return outcome


def drain(state, victims, now):
    """Evict as many entries as `victims` (n,) uint32 has room for, first who leaves first."""
    for i in range(len(victims)):
        victims[i] = evict(state, now)


def fill(state, entries, now):
    """Tell a fresh policy of `entries`, (n,) uint32."""
    for page in entries:
        on_insert(state, page, now)
