"""The hooks of a policy behind a filter: plain functions that call the hooks of both, which `compose` fills in.

The policy hears of a page only once it enters: its own admit() is asked last, and only of pages that the filter lets
in.

No policy can say who would leave next without giving that page up. So a filter that asks for the victim is shown the
page in hand: one that the policy gave up and that is still cached. It leaves when a page is admitted, stays in hand
when one is refused, and when it is used on_insert() brings it back to the policy. Behind LRU that is exactly a look at
the page that is next. Elsewhere two things differ from such a look. The policy chose the page before it heard of the
one that asks to enter, and at the first of several refusals: MRU might choose another one by now. And a hit on the page
in hand is an insertion to it: LFU counts it anew, FIFO queues it up anew, ARC sees a ghost hit.
Where pages differ in size only the first of several victims is judged; in the prefix reading the page in hand may be
one that cannot leave yet, and then another one leaves instead.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

# Entries of State.hand.
_PAGE, _HELD = 0, 1
_EMPTY = -1


class State(NamedTuple):
    policy: Any
    filter: Any
    heard: np.ndarray  # (n_pages,) int64: the last access to each page that the filter heard of, -1: none; (0,): deaf
    hand: np.ndarray  # (2,) int64: the page in hand or -1; how many pages the policy holds


# Blanks: the filter's name with a dot behind it, what both need, and the hooks of both.
PREFIX = ""
LISTENS = False  # whether the filter has an on_access()
POLICY_NEEDS: tuple[str, ...] = ()
FILTER_NEEDS: tuple[str, ...] = ()


def policy_init(capacity, n_pages, **given): ...


def filter_init(capacity, n_pages, **given): ...


def policy_on_hit(state, page, now): ...


def policy_on_insert(state, page, now): ...


def policy_evict(state, now): ...


def policy_admit(state, page, now): ...


def filter_on_access(state, page, now): ...


def filter_admit(state, page, now): ...


def filter_admit_against(state, page, victim, now): ...


def init(capacity, n_pages, **given):
    """`given` are the needs of both, the policy's parameters, and the filter's by names such as ``bloom.bits``."""
    needs = {name: given.pop(name) for name in {*POLICY_NEEDS, *FILTER_NEEDS}}
    for_filter = {name.removeprefix(PREFIX): given.pop(name) for name in list(given) if name.startswith(PREFIX)}
    for_filter |= {name: needs[name] for name in FILTER_NEEDS}
    if "seed" in for_filter:
        for_filter["seed"] = ~for_filter["seed"]  # the two must not draw the same numbers
    return State(
        policy=policy_init(capacity, n_pages, **given, **{name: needs[name] for name in POLICY_NEEDS}),
        filter=filter_init(capacity, n_pages, **for_filter),
        heard=np.full(n_pages if LISTENS else 0, -1, np.int64),
        hand=np.array([_EMPTY, 0], np.int64),
    )


def on_hit(state, page, now):
    _hear(state, page, now)
    if page == state.hand[_PAGE]:
        state.hand[_PAGE] = _EMPTY
        _give(state, page, now)
    else:
        policy_on_hit(state.policy, page, now)


def on_insert(state, page, now):
    _hear(state, page, now)
    _give(state, page, now)


def evict(state, now):
    if state.hand[_PAGE] == _EMPTY:
        return _take(state, now)
    victim = np.uint32(state.hand[_PAGE])
    state.hand[_PAGE] = _EMPTY
    return victim


def admit(state, page, now):
    _hear(state, page, now)
    return filter_admit(state.filter, page, now) and policy_admit(state.policy, page, now)


def admit_against(state, page, now):
    """`admit` for a filter that asks for the victim."""
    _hear(state, page, now)
    if state.hand[_PAGE] == _EMPTY and state.hand[_HELD] > 0:
        state.hand[_PAGE] = _take(state, now)
    victim = state.hand[_PAGE]
    # In the prefix reading all pages may have been given up: the one that becomes a leaf next leaves, unjudged.
    if victim != _EMPTY and not filter_admit_against(state.filter, page, np.uint32(victim), now):
        return False
    return policy_admit(state.policy, page, now)


def _hear(state, page, now):
    """Tell the filter of an access, once: a page that is given up while in use is inserted again by the same access."""
    if len(state.heard) > 0 and state.heard[page] != now:
        state.heard[page] = now
        filter_on_access(state.filter, page, now)


def _give(state, page, now):
    state.hand[_HELD] += 1
    policy_on_insert(state.policy, page, now)


def _take(state, now):
    state.hand[_HELD] -= 1
    return policy_evict(state.policy, now)
