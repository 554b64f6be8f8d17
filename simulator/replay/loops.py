"""The replay loops: plain Python with the policy's hooks as free names. `policies.bind` fills them in and compiles.

Each loop replays the accesses start .. stop - 1, writes one byte per access (1: hit) and leaves every other figure
to be counted from those. They are called chunk by chunk; what outlives a chunk stands in `tally`.
"""

from __future__ import annotations

import numpy as np

# Entries of `tally`, (TALLY_SIZE,) int64.
USED = 0  # pages cached now, or their bytes in the sized loops
EVICTIONS = 1
REJECTIONS = 2  # misses that were not cached
PEAK = 3  # the highest USED
READY = 4  # prefix loop: a page that was given up and has become a leaf, + 1
KNOWN = 5  # prefix loop: cached pages that the policy knows; it gave up the others, which could not leave yet
FAULT = 6  # what is wrong with a hook's answer, one of the three below; 0: nothing
WRONG = 7  # the number that is wrong
PINNED = 8  # prefix loops: cached pages in use
LEFT = 9  # prefix loops: entries of `evicted`
TALLY_SIZE = 10

# Faults.
VICTIM, HITS, ROOM = 1, 2, 3  # the page that evict() returned; what serve() said of its hits, and of its changes

# Steps of a request in the prefix loop, bits: pin the cached pages up to the first that is not; cache and pin that and
# those behind it; unpin.
LOOKUP, INSERT, RELEASE = 1, 2, 4
WHOLE = LOOKUP | INSERT | RELEASE

# Entries of `cached` where there is more to tell than cached from not: in the prefix loop, and where objects grow.
_KNOWN, _GIVEN_UP = 1, 2
_OUTGROWN = 2  # not cached, for it grew larger than the cache; but the policy still knows it, and may name it

# Blanks: what the loops call, replaced by a policy's functions when it is bound.


def on_hit(state, page, now): ...


def on_insert(state, page, now): ...


def evict(state, now): ...


def admit(state, page, now): ...


def serve(state, pages, request): ...


def replay_independent(state, pages, start, stop, hit, cached, capacity, tally):
    """Every page for itself, all of one size. `pages` (stop - start,) uint32, `hit` likewise uint8, `cached` (n_pages,)
    uint8."""
    used = tally[USED]
    evictions = tally[EVICTIONS]
    n_pages = len(cached)
    for now in range(start, stop):
        page = pages[now - start]
        if cached[page]:
            hit[now - start] = 1
            on_hit(state, page, now)
        else:
            hit[now - start] = 0
            if used < capacity:
                used += 1
            elif admit(state, page, now):
                victim = np.int64(evict(state, now))
                if victim < 0 or victim >= n_pages or not cached[victim]:
                    tally[FAULT], tally[WRONG] = VICTIM, victim
                    return
                cached[victim] = 0
                evictions += 1
            else:
                tally[REJECTIONS] += 1
                continue
            cached[page] = 1
            on_insert(state, page, now)
    tally[USED] = used
    tally[EVICTIONS] = evictions
    tally[PEAK] = max(tally[PEAK], used)


def replay_sized(state, pages, start, stop, hit, cached, capacity, tally, page_bytes):
    """Every page for itself, each with its own size; `capacity` and USED in bytes. Pages larger than it stay out."""
    used = tally[USED]
    for now in range(start, stop):
        page = pages[now - start]
        if cached[page]:
            hit[now - start] = 1
            on_hit(state, page, now)
            continue
        hit[now - start] = 0
        size = page_bytes[page]
        if size > capacity or (used + size > capacity and not admit(state, page, now)):
            tally[REJECTIONS] += 1
            continue
        used = _make_room(state, now, used, capacity - size, cached, page_bytes, tally)
        if tally[FAULT]:
            return
        used += size
        tally[PEAK] = max(tally[PEAK], used)
        cached[page] = 1
        on_insert(state, page, now)
    tally[USED] = used


def replay_resized(state, pages, start, stop, hit, cached, capacity, tally, access_bytes, held):
    """As `replay_sized`, for objects that change size. `held` (n_pages,) int64: the bytes of each page's cached copy.

    An access that finds a copy of another size misses: the object was written anew. The policy sees a hit, the copy
    is resized in place, and others leave for it (or it does, if the policy says so). One that became larger than the
    cache leaves at once; policies need not be able to forget on demand, so this one knows it until it names it.
    """
    used = tally[USED]
    for now in range(start, stop):
        page = pages[now - start]
        size = access_bytes[now]
        if cached[page] == _KNOWN and held[page] == size:
            hit[now - start] = 1
            on_hit(state, page, now)
            continue
        hit[now - start] = 0
        if cached[page]:
            on_hit(state, page, now)
            if size > capacity:
                tally[EVICTIONS] += cached[page] == _KNOWN
                tally[REJECTIONS] += 1
                cached[page] = _OUTGROWN
                used -= held[page]
                held[page] = 0
                continue
            cached[page] = _KNOWN
            used += size - held[page]
            held[page] = size
            used = _make_room(state, now, used, capacity, cached, held, tally)
        elif size > capacity or (used + size > capacity and not admit(state, page, now)):
            tally[REJECTIONS] += 1
        else:
            used = _make_room(state, now, used, capacity - size, cached, held, tally)
            cached[page] = _KNOWN
            held[page] = size
            used += size
            on_insert(state, page, now)
        if tally[FAULT]:
            return
        tally[PEAK] = max(tally[PEAK], used)
    tally[USED] = used


def _make_room(state, now, used, room, cached, held, tally):
    """Evict until no more than `room` bytes are used; the bytes used then. Sets FAULT where evict() is at fault."""
    while used > room:
        victim = np.int64(evict(state, now))
        if victim < 0 or victim >= len(cached) or not cached[victim]:
            tally[FAULT], tally[WRONG] = VICTIM, victim
            break
        if cached[victim] != _OUTGROWN:
            used -= held[victim]
            tally[EVICTIONS] += 1
        cached[victim] = 0
    return used


def replay_prefix(
    state, offsets, pages, start, stop, hit, cached, capacity, tally, parent, children, in_use, evicted, steps, since
):
    """Requests `start` .. `stop` - 1 as prefixes: only the cached pages from the start on hit, and leaves leave first.

    A request pins the pages it hits, uses them from the last to the first, makes room for the others, and inserts
    those from the last to the first as well, so that a page is never colder than one that depends on it. No more
    than the first `capacity` pages of a request are cached. `children` (n_pages,) int32: cached pages right behind
    each page; `in_use` (n_pages,) int32: how many requests pin each; `evicted` (capacity,) uint32: what left for the
    last request, LEFT pages.

    A cache that many requests use at once asks for one of the `steps` of one request, for some of its pages; the first
    page of `pages` is access number `since` then. Returns the position behind the last page that it was done for.
    """
    first = offsets[start]
    end = first
    for request in range(start, stop):
        low, high = offsets[request], offsets[request + 1]
        missed = high if steps == RELEASE else low
        if steps & LOOKUP:
            while missed < high and cached[pages[missed]]:
                hit[missed - first] = 1
                missed += 1
            for i in range(missed, high):
                hit[i - first] = 0
            pinned = 0
            for i in range(missed - 1, low - 1, -1):
                page = pages[i]
                pinned += in_use[page] == 0
                in_use[page] += 1
                if cached[page] == _KNOWN:
                    on_hit(state, page, since + i)
                else:
                    _tell(state, page, since + i, cached, tally)
            tally[PINNED] += pinned
        tally[LEFT] = 0
        end = missed
        if steps & INSERT:
            room = min(high, missed + capacity - tally[PINNED])  # whatever nobody pins can leave
            while end < room:
                page = pages[end]
                if tally[USED] < capacity:
                    tally[USED] += 1
                elif not admit(state, page, since + end) or not _evict_leaf(
                    state, since + end, cached, tally, parent, children, in_use, evicted
                ):
                    break
                cached[page] = _KNOWN
                if parent[page] >= 0:
                    children[parent[page]] += 1
                end += 1
            tally[REJECTIONS] += high - end
            tally[PEAK] = max(tally[PEAK], tally[USED])
        if steps != LOOKUP:
            stays = 0 if steps & RELEASE else 1
            unpinned = 0
            for i in range(end - 1, low - 1, -1):
                page = pages[i]
                new = i >= missed
                if new:
                    in_use[page] = stays
                else:
                    in_use[page] -= 1
                    unpinned += in_use[page] == 0
                if new or (cached[page] == _GIVEN_UP and in_use[page] == 0):
                    _tell(state, page, since + i, cached, tally)
            tally[PINNED] += stays * (end - missed) - unpinned
        if tally[FAULT]:
            break
    return end


def restart_policy(old, new, known, since, order):
    """Tell `new`, a fresh state of the policy, of the `known` pages that `old` knows, in the order of their leaving.

    They are written to `order`. Nothing else of what `old` knows is kept.
    """
    for i in range(known):
        order[i] = evict(old, since + known - 1)
    for i in range(known):
        on_insert(new, order[i], since + i)


def replay_served(state, offsets, pages, start, stop, hit, seen, capacity, tally):
    """Requests `start` .. `stop` - 1 by a policy that is a whole prefix cache. `seen` (n_pages,) uint8: requested yet.

    What it answers is held to what any cache can do: hit only what was there before, and keep within its capacity.
    """
    first = offsets[start]
    for request in range(start, stop):
        low, high = offsets[request], offsets[request + 1]
        if low == high:
            continue
        hits, added, removed = serve(state, pages[low:high], request)
        missed = low + hits
        if hits < 0 or missed > high or (hits > 0 and not seen[pages[missed - 1]]):
            tally[FAULT], tally[WRONG] = HITS, hits
            return
        used = tally[USED] + added - removed
        if added < 0 or added > high - missed or removed < 0 or used < 0 or used > capacity:
            tally[FAULT], tally[WRONG] = ROOM, used
            return
        for now in range(low, missed):
            hit[now - first] = 1
        for now in range(missed, high):
            hit[now - first] = 0
            seen[pages[now]] = 1
        tally[USED] = used
        tally[EVICTIONS] += removed
        tally[REJECTIONS] += high - missed - added
        tally[PEAK] = max(tally[PEAK], used)


def shrink(state, now, cached, capacity, tally, held):
    """Evict until no more than `capacity` is used. `held` (n_pages,): how much of it each cached page takes."""
    tally[USED] = _make_room(state, now, tally[USED], capacity, cached, held, tally)


def shrink_prefix(state, now, cached, capacity, tally, parent, children, in_use, evicted):
    """As `shrink`, among prefix pages: leaves leave. They are written to `evicted`, LEFT pages.

    `capacity` is at least PINNED.
    """
    tally[LEFT] = 0
    while tally[USED] > capacity and _evict_leaf(state, now, cached, tally, parent, children, in_use, evicted):
        tally[USED] -= 1


def _tell(state, page, now, cached, tally):
    """Tell the policy of a page that is new, or that it gave up but that could not leave and was used again."""
    if tally[READY] == page + 1:
        tally[READY] = 0
    cached[page] = _KNOWN
    tally[KNOWN] += 1
    on_insert(state, page, now)


def _evict_leaf(state, now, cached, tally, parent, children, in_use, evicted):
    """Remove one cached page that nothing depends on, of which there must be one; False where evict() is at fault."""
    if tally[READY]:
        victim = tally[READY] - 1
        tally[READY] = 0
    else:
        while True:
            if tally[KNOWN] == 0:
                tally[FAULT], tally[WRONG] = VICTIM, len(cached)
                return False
            chosen = np.int64(evict(state, now))
            if chosen < 0 or chosen >= len(cached) or cached[chosen] != _KNOWN:
                tally[FAULT], tally[WRONG] = VICTIM, chosen
                return False
            tally[KNOWN] -= 1
            if children[chosen] == 0 and not in_use[chosen]:
                victim = chosen
                break
            cached[chosen] = _GIVEN_UP
    cached[victim] = 0
    tally[EVICTIONS] += 1
    evicted[tally[LEFT]] = victim
    tally[LEFT] += 1
    above = parent[victim]
    if above >= 0:
        children[above] -= 1
        if children[above] == 0 and cached[above] == _GIVEN_UP and not in_use[above]:
            # It was given up before everything the policy still holds, so it is next.
            tally[READY] = above + 1
    return True
