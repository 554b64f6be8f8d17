"""Entries under a policy: the same hits as replay, and one owner for key, slot and payload."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kvreplay.policies import PolicyError, get, names
from kvreplay.simulator.caches.entries import Entries
from kvreplay.simulator.caches.errors import CacheError
from kvreplay.simulator.replay.cell import Cell
from kvreplay.traces.trace import Trace

ONLINE = [name for name in names() if not get(name).hooks.reading and "future" not in get(name).needs]


def skewed(accesses: int = 600, keys: int = 60) -> list[int]:
    """First-seen numbers of keys of which some come often, with a scan through all of them in the middle."""
    drawn = np.random.default_rng(0).zipf(1.3, accesses) % keys
    drawn[accesses // 2 : accesses // 2 + keys] = np.arange(keys)
    ids: dict[int, int] = {}
    return [ids.setdefault(int(key), len(ids)) for key in drawn]


def access(entries: Entries, key) -> bool:
    entry = entries.get(key)
    if entry is None:
        entries.insert(key, key)
    else:
        entries.touch(entry)
    return entry is not None


@pytest.mark.parametrize("policy", [*ONLINE, "lru+tinylfu", "slru+bloom"])
def test_online_hits_are_those_of_replay(policy):
    keys = skewed()
    trace = Trace("skewed", np.array(keys, np.uint32), max(keys) + 1)
    replayed = np.concatenate([hit.copy() for *_, hit in Cell(trace, get(policy), 12, compiled=False).chunks(1)])
    # As many ids as the replay has pages: some policies size their sketches by them.
    entries = Entries(12, policy, ids=trace.n_pages, compiled=False)
    assert [access(entries, key) for key in keys] == replayed.astype(bool).tolist()


def test_compiled_and_plain_policies_agree():
    keys = skewed()
    compiled, plain = (Entries(12, "lru", compiled=compiled) for compiled in (True, False))
    assert [access(compiled, key) for key in keys] == [access(plain, key) for key in keys]


@pytest.mark.parametrize("policy", ["2q", "arc", "car", "lirs", "lru-k", "qd-lp-fifo", "s3-fifo"])
def test_ids_given_to_other_keys_lie_beyond_every_ghost_list(policy):
    keys = np.random.default_rng(1).zipf(1.2, 2000) % 1500
    few, enough = (Entries(12, policy, ids=ids, compiled=False) for ids in (16 * 12, 1501))
    assert [access(few, key) for key in keys.tolist()] == [access(enough, key) for key in keys.tolist()]


def test_a_key_that_left_longest_ago_gives_up_its_id_first():
    entries = Entries(1, ids=3, compiled=False)
    for key in "abcd":
        entries.insert(key, key)
    assert set(entries._known) == {"b", "c", "d"}


class EntriesMachine(RuleBasedStateMachine):
    """LRU entries against an OrderedDict of (value, written); what is too old stays in it until it is evicted."""

    @initialize(capacity=st.integers(1, 6), ids=st.integers(10, 14), ttl=st.sampled_from([None, 5.0]))
    def start(self, capacity, ids, ttl):
        self.ttl, self.time, self.value = ttl, 0.0, 0
        self.model: OrderedDict[int, tuple[int, float]] = OrderedDict()
        self.reachable: dict[int, int] = {}  # slot -> value, as an index beside the entries would know them
        self.entries = Entries(capacity, ids=ids, ttl=ttl, leave=self.leave, move=self.move, compiled=False)

    def leave(self, entry):
        assert self.reachable.pop(entry.slot) == entry.value

    def move(self, entry, slot):
        assert slot not in self.reachable
        self.reachable[slot] = self.reachable.pop(entry.slot)

    def fresh(self, key) -> bool:
        return key in self.model and (self.ttl is None or self.time - self.model[key][1] <= self.ttl)

    @rule(key=st.integers(0, 30), wait=st.sampled_from([0, 0, 1, 4]))
    def ask(self, key, wait):
        self.time += wait
        self.entries.expire(self.time)
        entry = self.entries.get(key)
        assert (entry is not None) == self.fresh(key)
        if entry is not None:
            assert entry.value == self.model[key][0]
            self.entries.touch(entry)
            self.model.move_to_end(key)

    @rule(key=st.integers(0, 30))
    def insert(self, key):
        self.value += 1
        entry = self.entries.insert(key, self.value, self.time)
        assert entry.slot not in self.reachable
        self.reachable[entry.slot] = self.value
        if key not in self.model and len(self.model) == self.entries.capacity:
            self.model.popitem(last=False)
        self.model[key] = (self.value, self.time)
        self.model.move_to_end(key)

    @rule(capacity=st.integers(1, 9))
    def resize(self, capacity):
        self.entries.resize(capacity)
        while len(self.model) > capacity:
            self.model.popitem(last=False)

    @rule()
    def switch_to_fifo_and_back(self):
        # Told in the order of leaving, FIFO is what LRU was, as long as nothing is used.
        self.entries.switch("fifo")
        self.entries.switch("lru")

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def what_left_cannot_be_touched(self, data):
        key = data.draw(st.sampled_from(sorted(self.model)))
        entry = self.entries.get(key)
        if entry is not None:
            self.entries.resize(1)
            for i in (-1, -2):
                self.reachable[self.entries.insert(i, i, self.time).slot] = i
            self.model = OrderedDict({-2: (-2, self.time)})
            with pytest.raises(CacheError, match="has left"):
                self.entries.touch(entry)

    @invariant()
    def what_can_be_found_is_what_is_held(self):
        self.entries.expire(self.time)
        fresh = {key: value for key, (value, _) in self.model.items() if self.fresh(key)}
        assert len(self.entries) == len(fresh)
        assert sorted(self.reachable.values()) == sorted(fresh.values())
        for slot, value in self.reachable.items():
            assert slot < self.entries.capacity
            assert self.entries.at(slot).value == value


TestEntries = EntriesMachine.TestCase
TestEntries.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ("belady", "future"),
        ("vllm-lru", "prefixes"),
        ("length-aware", "prefixes"),
        ("lru+adaptsize", "size"),
    ],
)
def test_policies_that_need_a_trace_are_refused(policy, message):
    with pytest.raises(PolicyError, match=message):
        Entries(3, policy)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        *(({"capacity": capacity}, f"capacity {capacity}") for capacity in (0, 2.5)),
        ({"capacity": 3, "ttl": 0}, "ttl 0"),
        ({"capacity": 3, "ids": 3}, "ids 3"),
    ],
)
def test_impossible_sizes_are_refused(arguments, message):
    with pytest.raises(CacheError, match=message):
        Entries(**arguments)


def test_what_cannot_be_resized_says_so_and_stays():
    entries = Entries(4, "s3-fifo", compiled=False)
    entries.insert("a", 1)
    with pytest.raises(PolicyError, match="divides its capacity"):
        entries.resize(2)
    resizable = Entries(4, compiled=False)
    with pytest.raises(CacheError, match="capacity 0"):
        resizable.resize(0)
    assert (entries.capacity, resizable.capacity) == (4, 4)
    assert entries.get("a").value == 1


def test_a_policy_that_names_what_is_not_cached_is_blamed():
    from kvreplay.policies import fifo

    class Wrong:
        State, init, on_hit, on_insert = fifo.State, fifo.init, fifo.on_hit, fifo.on_insert

        def evict(state, now):
            return fifo.evict(state, now) if now < 1000 else np.uint32(9)

    entries = Entries(2, Wrong, compiled=False)
    for key in range(1000):
        entries.insert(key, key)
    with pytest.raises(PolicyError, match=r"test_entries.py:\d+: evict\(\) returned 9, which is not cached"):
        entries.insert("one more", None)
