"""Workload-aware eviction: the page leaves that is the least likely to be used again within the time that pages stay
(Wang et al., "KVCache Cache in the Wild: Characterizing and Optimizing KVCache Cache at a Large Cloud Provider",
USENIX ATC 2025).

The time until a page is used again is taken as exponential with a mean of its own for each category of requests; a
page belongs to that of the request that used it last. The formula is our reading of the paper: for a page not used for
t seconds the probability is reused x (exp(-t / mean) - exp(-(t + stay) / mean)), where `reused` is the share of the
category's uses that another followed, and `stay` the mean time that pages were unused when they left. Within a category
it only falls with t, so that only the least recent page of each needs to be looked at; of equals among these the one
furthest into its prefix leaves.

Deviations: the paper tells categories by the type of a request and its turn; here they are what the trace tells
(`Requests`), and where that is nothing, LRU is left. Means and shares are over all that was seen, returns of evicted
pages included, without a window. A category with no reuse yet has the probability 0.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .structures.linked_list import PREVIOUS, is_empty, new_lists, push_front, unlink
from .structures.prefixes import depths, request_of

READING = "prefix"
_NEVER = -1
_SHORTEST = 1e-9  # seconds: a mean of 0 would divide by it


class State(NamedTuple):
    links: np.ndarray  # (n_pages + categories, 2) uint32: a list per category, most recent page in front
    depth: np.ndarray  # (n_pages,) int64
    user: np.ndarray  # (n_pages,) int64: the request that used each page last, or _NEVER
    arrival: np.ndarray  # (R,) float64
    offsets: np.ndarray  # (R+1,) int64
    category: np.ndarray  # (R,) int32
    uses: np.ndarray  # (categories, 2) int64: uses, and those that another followed
    waited: np.ndarray  # (categories,) float64: seconds until the other, in all
    cursor: np.ndarray  # (1,) int64: the current request
    stays: np.ndarray  # (2,) float64: pages that left, and seconds that they were not used, in all


def init(capacity, n_pages, parent, requests):
    # Unknown, -1, is a category as well; it has the last list.
    categories = int(requests.category.max(initial=-1)) + 2
    return State(
        links=new_lists(n_pages, categories),
        depth=depths(parent),
        user=np.full(n_pages, _NEVER),
        arrival=requests.arrival,
        offsets=requests.offsets,
        category=requests.category,
        uses=np.zeros((categories, 2), np.int64),
        waited=np.zeros(categories),
        cursor=np.zeros(1, np.int64),
        stays=np.zeros(2),
    )


def on_hit(state, page, now):
    unlink(state.links, page)
    on_insert(state, page, now)


def on_insert(state, page, now):
    request = request_of(state.cursor, state.offsets, now)
    former, category = state.user[page], state.category[request]
    # An access may be told twice: where a page that the policy just gave up turns out to be in use.
    if former != request:
        if former != _NEVER:
            state.uses[state.category[former], 1] += 1
            state.waited[state.category[former]] += state.arrival[request] - state.arrival[former]
        state.uses[category, 0] += 1
        state.user[page] = request
    push_front(state.links, _head(state, category), page)


def evict(state, now):
    seconds = state.arrival[request_of(state.cursor, state.offsets, now)]
    victim, least = np.uint32(0), np.inf
    for category in range(-1, len(state.uses) - 1):
        head = _head(state, category)
        if not is_empty(state.links, head):
            page = state.links[head, PREVIOUS]
            chance = _log_chance(state, category, seconds - state.arrival[state.user[page]])
            if chance < least or (chance == least and state.depth[page] > state.depth[victim]):
                victim, least = page, chance
    unlink(state.links, victim)
    state.stays[0] += 1
    state.stays[1] += seconds - state.arrival[state.user[victim]]
    return victim


def _log_chance(state, category, unused):
    """The logarithm of the probability that a page of `category`, not used for `unused` seconds, is used in time."""
    uses, reuses = state.uses[category, 0], state.uses[category, 1]
    if reuses == 0:
        return -np.inf
    mean = max(state.waited[category] / reuses, _SHORTEST)
    chance = math.log(reuses / uses) - unused / mean
    if state.stays[1] > 0:
        chance += math.log(-math.expm1(-state.stays[1] / state.stays[0] / mean))
    return chance


def _head(state, category):
    return np.uint32(len(state.user) + (category if category >= 0 else len(state.uses) - 1))
