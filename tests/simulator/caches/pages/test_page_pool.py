"""The pool against lists of what every holder should see, and its errors one by one."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from kvreplay.simulator.caches.pages.page_pool import PageError, PagePool
from tests.simulator.caches.pages.content import ArrayContent

LARGEST = 24


def ids_of(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int32)


class Holders(RuleBasedStateMachine):
    """Sequences that create, share, write, merge and release pages; each knows what it should read."""

    @initialize(capacity=st.integers(1, 12), hash_bits=st.sampled_from([0, 1, 64]))
    def start(self, capacity, hash_bits):
        self.content = ArrayContent(LARGEST, 1, hash_bits)
        self.pool = PagePool(capacity, page_bytes=10, content=self.content)
        self.capacity = capacity
        self.holders: dict[int, list[tuple[int, int]]] = {}  # (id, value) of each page held
        self.protected: set[int] = set()
        self.dead: set[int] = set()  # ids whose page was released
        self.made = self.copies = self.merged = self.peak = self.refused = 0

    def refs(self) -> Counter:
        return Counter(id for held in self.holders.values() for id, _ in held)

    def free(self) -> int:
        return self.capacity - len(self.refs())

    def new_holder(self, held: list[tuple[int, int]]) -> None:
        self.made += 1
        self.holders[self.made] = held

    def pick(self, data) -> tuple[int, list[int]]:
        """A holder, and positions in its list, each once."""
        holder = data.draw(st.sampled_from(sorted(self.holders)))
        n = len(self.holders[holder])
        return holder, data.draw(st.lists(st.integers(0, max(n - 1, 0)), max_size=n, unique=True))

    def replace(self, holder: int, positions: list[int], ids: np.ndarray, before: Counter) -> None:
        for position, id in zip(positions, ids.tolist(), strict=True):
            self.holders[holder][position] = (id, self.holders[holder][position][1])
        self.bury(before)

    def bury(self, before: Counter) -> None:
        gone = before.keys() - self.refs().keys()
        self.dead |= gone
        self.protected -= gone

    @rule(n=st.integers(0, 6), value=st.integers(0, 3))
    def create(self, n, value):
        ids = self.pool.create(n)
        assert (ids is None) == (n > self.free())
        self.refused += ids is None
        if ids is not None:
            assert ids.dtype == np.int32
            assert len(set(ids.tolist()) - self.refs().keys() - self.dead) == n
            self.content.values[self.pool.read(ids), 0] = value
            self.new_holder([(id, value) for id in ids.tolist()])

    @precondition(lambda self: self.holders)
    @rule(data=st.data())
    def share(self, data):
        holder, positions = self.pick(data)
        held = [self.holders[holder][position] for position in positions]
        self.pool.share(ids_of(*(id for id, _ in held)))
        self.new_holder(held)

    @precondition(lambda self: self.holders)
    @rule(data=st.data(), value=st.integers(0, 3), writes=st.booleans())
    def write_or_unshare(self, data, value, writes):
        holder, positions = self.pick(data)
        ids = [self.holders[holder][position][0] for position in positions]
        refs = self.refs()
        remaining = refs.copy()
        copied = []
        for id in ids:
            copied.append(remaining[id] > 1 or (writes and id in self.protected))
            remaining[id] -= copied[-1]
        new = (self.pool.write if writes else self.pool.unshare)(ids_of(*ids))
        assert (new is None) == (sum(copied) > self.free())
        self.refused += new is None
        if new is None:
            return
        assert (new != ids_of(*ids)).tolist() == copied
        self.copies += sum(copied)
        # The copies exist before the last holder of a protected page lets go of it.
        self.peak = max(self.peak, len(refs) + sum(copied))
        self.replace(holder, positions, new, refs)
        if writes:
            self.content.values[self.pool.read(new), 0] = value
            for position in positions:
                self.holders[holder][position] = (self.holders[holder][position][0], value)

    @precondition(lambda self: self.holders)
    @rule(data=st.data())
    def release(self, data):
        holder, positions = self.pick(data)
        before = self.refs()
        ids = ids_of(*(self.holders[holder][position][0] for position in positions))
        self.holders[holder] = [page for i, page in enumerate(self.holders[holder]) if i not in positions]
        assert self.pool.release(ids) == len(before) - len(self.refs())
        self.bury(before)

    @precondition(lambda self: self.holders)
    @rule(data=st.data())
    def protect(self, data):
        holder, positions = self.pick(data)
        ids = [self.holders[holder][position][0] for position in positions]
        self.pool.protect(ids_of(*ids))
        self.protected |= set(ids)

    @precondition(lambda self: self.holders)
    @rule(data=st.data())
    def merge(self, data):
        holder, positions = self.pick(data)
        before = self.refs()
        first: dict[int, int] = {}
        expected = []
        for position in positions:
            id, value = self.holders[holder][position]
            expected.append(first.setdefault(value, id))
            if id in self.protected:
                self.protected.add(expected[-1])
        ids = ids_of(*(self.holders[holder][position][0] for position in positions))
        merged = self.pool.merge(ids)
        assert merged.tolist() == expected
        self.merged += int(np.count_nonzero(merged != ids))
        self.replace(holder, positions, merged, before)

    @rule(capacity=st.integers(1, LARGEST))
    def resize(self, capacity):
        fits = capacity >= len(self.refs())
        assert self.pool.resize(capacity) == fits
        if fits:
            self.capacity = capacity

    @precondition(lambda self: self.dead)
    @rule(data=st.data(), call=st.sampled_from(["share", "read", "write", "unshare", "release", "protect", "merge"]))
    def use_after_free(self, data, call):
        good = list(self.refs())[:1]
        batch = ids_of(*good, data.draw(st.sampled_from(sorted(self.dead))))
        with pytest.raises(PageError, match="was released"):
            getattr(self.pool, call)(batch)

    @precondition(lambda self: self.refs())
    @rule(data=st.data(), call=st.sampled_from(["write", "unshare", "release", "merge"]))
    def named_too_often(self, data, call):
        id, count = data.draw(st.sampled_from(sorted(self.refs().items())))
        with pytest.raises(PageError, match="more often"):
            getattr(self.pool, call)(ids_of(*[id] * (count + 1)))

    @invariant()
    def pool_is_what_the_holders_say(self):
        refs = self.refs()
        stats = self.pool.stats()
        self.peak = max(self.peak, len(refs))
        assert stats.free + stats.physical == stats.capacity == self.capacity
        assert (stats.physical, stats.logical) == (len(refs), refs.total())
        assert stats.shared == sum(count > 1 for count in refs.values())
        assert (stats.peak, stats.copies, stats.merged) == (self.peak, self.copies, self.merged)
        assert stats.refused == self.refused
        assert stats.bytes == 10 * len(refs)
        assert self.pool.holders(ids_of(*refs)).tolist() == list(refs.values())
        for held in self.holders.values():
            pages = self.pool.read(ids_of(*(id for id, _ in held)))
            assert self.content.values[pages, 0].tolist() == [value for _, value in held]

    def teardown(self):
        for held in self.holders.values():
            self.pool.release(ids_of(*(id for id, _ in held)))
        assert (self.pool.stats().free, self.pool.stats().logical) == (self.capacity, 0)


TestHolders = Holders.TestCase
TestHolders.settings = settings(max_examples=50, stateful_step_count=30, deadline=None)


def test_a_write_to_a_shared_page_copies_it_and_one_to_a_page_of_its_own_does_not():
    pool = PagePool(3)
    mine = pool.create(1)
    assert pool.write(mine).tolist() == mine.tolist()
    pool.share(mine)
    theirs = pool.write(mine)
    assert theirs.tolist() != mine.tolist()
    assert pool.holders(np.r_[mine, theirs]).tolist() == [1, 1]
    assert pool.stats().copies == 1


def test_both_sharers_in_one_batch_part_with_one_copy():
    pool = PagePool(3)
    page = pool.create(1)
    pool.share(page)
    first, second = pool.write(np.r_[page, page])
    assert first != second == page[0]
    assert pool.stats().physical == 2


def test_a_failed_copy_changes_nothing():
    class Broken(ArrayContent):
        def copy_pages(self, src, dst):
            raise MemoryError

    pool = PagePool(4, content=Broken(4))
    ids = pool.create(2)
    pool.share(ids)
    before = pool.stats()
    with pytest.raises(MemoryError):
        pool.write(ids)
    assert pool.stats() == before
    assert pool.release(np.r_[ids, ids]) == 2


def test_generations_come_round():
    """21 bits of page number leave 10 for the generation."""
    pool = PagePool(2**20 + 1)
    seen = set()
    for _ in range(1 << 10):
        ids = pool.create(1)
        seen.add(int(ids[0]))
        pool.release(ids)
    assert len(seen) == 1 << 10
    assert pool.create(1)[0] in seen


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda pool: PagePool(0), "capacity 0: is out of range"),
        (lambda pool: PagePool(2.5), "capacity 2.5: is no whole number"),
        (lambda pool: PagePool(1, page_bytes=-1), "page_bytes -1: is out of range"),
        (lambda pool: pool.create(-1), "create: pages -1: is out of range"),
        (lambda pool: pool.resize(0), "capacity 0: is out of range"),
        (lambda pool: pool.resize(2**21), "out of range"),
        (lambda pool: pool.read(ids_of(-1)), "read: id -1 is none of this pool"),
        (lambda pool: pool.read(ids_of(4)), "read: id 4 is none of this pool"),
        (lambda pool: pool.read(ids_of(3)), "read: id 3 names page 3, which was released"),
        (lambda pool: pool.read(np.array([0.5])), "page ids are 1-d float64"),
        (lambda pool: pool.read(np.zeros((1, 1), np.int32)), "page ids are 2-d int32"),
        (lambda pool: pool.read(np.array([2**40])), "do not fit 32 bits"),
        (lambda pool: pool.merge(ids_of(0)), "keeps no content"),
        (lambda pool: (pool.release(ids_of(0)), pool.release(ids_of(0))), "release: id 0 names page 0, which was rel"),
        (lambda pool: (pool.release(ids_of(0)), pool.create(1), pool.write(ids_of(0))), "write: id 0 is stale"),
    ],
)
def test_errors_are_one_line_and_say_what_is_wrong(call, message):
    pool = PagePool(4)
    pool.create(1)
    with pytest.raises(PageError, match=message) as error:
        call(pool)
    assert "\n" not in str(error.value)


def test_other_integers_are_taken():
    pool = PagePool(4)
    ids = pool.create(4)
    assert pool.read([0, 1]).tolist() == [0, 1]
    assert pool.read(ids[::-1]).tolist() == [3, 2, 1, 0]
    assert pool.read(ids.astype(np.int64)).tolist() == [0, 1, 2, 3]
    ids.flags.writeable = False
    pool.share(ids)
    assert pool.read([]).tolist() == []


SCENARIO = """
import sys
blocked = sys.argv[1:]
sys.modules.update(dict.fromkeys(blocked))
import numpy as np
from kvreplay.simulator.caches.pages.page_pool import PagePool
rng = np.random.default_rng(0)
pool, held = PagePool(50), []
for step in range(300):
    ids = pool.create(int(rng.integers(0, 9)))
    if ids is None:
        pool.release(held.pop(int(rng.integers(len(held)))))
        continue
    held.append(ids)
    some = held[int(rng.integers(len(held)))]
    pool.share(some)
    held.append(some)
    which = int(rng.integers(len(held)))
    new = pool.write(held[which])
    if new is not None:
        held[which] = new
print(pool.stats(), [ids.tolist() for ids in held])
"""


def test_it_runs_the_same_without_numba():
    with_numba, without = (
        subprocess.run([sys.executable, "-c", SCENARIO, *blocked], check=True, capture_output=True, text=True).stdout
        for blocked in ([], ["numba", "polars", "pydantic"])
    )
    assert with_numba == without != ""
