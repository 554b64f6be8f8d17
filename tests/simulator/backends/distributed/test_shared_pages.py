"""The directory's state against one list of everything, with the ranks' memories simulated in this process."""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kvreplay.simulator.backends.distributed import Get, Migrate, Put, Read, Release, SharedPages, Write
from tests.oracles.shared_pages import Twin

KEYS = [b"a", b"b"]
GARBAGE = -1


class Ranks(RuleBasedStateMachine):
    """Ranks that ask for this and that, write to pages of their own, and die between steps or in one."""

    @initialize(capacities=st.lists(st.integers(0, 6), min_size=1, max_size=4))
    def start(self, capacities):
        self.shared, self.twin = SharedPages(capacities), Twin(capacities)
        self.memory = [[GARBAGE] * n for n in capacities]
        self.values = 0  # every content is another
        self.own: dict[int, int] = {}  # pages that may be written, by whom
        self.dead: list[int] = []  # that the others do not know yet
        self.missing: list[int] = []

    def new_value(self):
        self.values += 1
        return self.values

    def draw(self, data, rank):
        """Operations of a rank, on pages that it holds and has not given up before."""
        operations = []
        held = Counter(self.twin.held(rank))
        for _ in range(data.draw(st.integers(0, 6))):
            kinds = [Put, Get, Get] + [Read, Write, Write, Migrate, Migrate, Release] * bool(held)
            kind = data.draw(st.sampled_from(kinds))
            if kind in (Put, Get):
                key = data.draw(st.sampled_from(KEYS))
                operations.append(Put(key, self.new_value()) if kind is Put else Get(key))
                continue
            id = data.draw(st.sampled_from(sorted(held)))
            to = (data.draw(st.integers(0, len(self.memory) - 1)),) if kind is Migrate else ()
            operations.append(kind(id, *to))
            if kind in (Write, Release):
                held -= Counter([id])
        return operations

    @rule(data=st.data())
    def step(self, data):
        for rank in self.dead:
            self.shared.drop(rank)
            self.twin.die(rank)
        for id in self.missing:
            self.shared.lose(id)
            self.twin.lose(id)
        self.own = {id: rank for id, rank in self.own.items() if rank in self.twin.alive}
        asked = {rank: self.draw(data, rank) for rank in self.twin.alive}
        self.shared.begin()
        expected = self.twin.step(asked)
        answers = {
            rank: [self.shared.apply(rank, number, operation) for number, operation in enumerate(operations)]
            for rank, operations in asked.items()
        }
        dying = self.dead = [rank for rank in self.twin.alive if data.draw(st.integers(0, 9)) == 0]
        self.move(asked, answers, dying)
        for rank in asked.keys() - set(dying):
            for operation, answer, right in zip(asked[rank], answers[rank], expected[rank], strict=True):
                assert answer == right or (dying and answer == GARBAGE)
                if isinstance(operation, Write) and answer is not None:
                    self.own[answer] = rank
        self.own = {id: rank for id, rank in self.own.items() if self.twin.held(rank).count(id)}

    def move(self, asked, answers, dying):
        """Put, copy and read, in any order; what comes from a rank that dies is garbage, and so is its memory."""
        for rank, number, place in self.shared.puts:
            self.memory[place.rank][place.slot] = asked[rank][number].page
        before = [list(slots) for slots in self.memory]
        for rank in dying:
            before[rank] = [GARBAGE] * len(before[rank])
        copies = self.shared.end()
        for _, source, target in reversed(copies):
            self.memory[target.rank][target.slot] = before[source.rank][source.slot]
        for rank, number, source in self.shared.reads:
            answers[rank][number] = before[source.rank][source.slot]
        self.missing = [page for page, source, _ in copies if source.rank in dying]

    @rule()
    def write(self):
        """Holders change what Write gave them."""
        for id, rank in self.own.items():
            place = self.shared.pages[id].place
            if place is not None and place.rank == rank and id not in self.missing:  # it may have migrated since
                self.memory[rank][place.slot] = self.twin.pages[id]["content"] = self.new_value()

    @invariant()
    def the_directory_is_what_the_list_says(self):
        assert self.shared.pages.keys() == self.twin.pages.keys()
        taken = Counter()
        for id, right in self.twin.pages.items():
            page = self.shared.pages[id]
            assert (page.key, page.holders) == (right["key"], Counter(right["holders"]))
            assert (page.place and page.place.rank) == right["owner"]
            if page.place is not None:
                taken[page.place] += 1
                if not {id, page.place.rank} & {*self.missing, *self.dead}:
                    assert self.memory[page.place.rank][page.place.slot] == right["content"]
        assert max(taken.values(), default=1) == 1
        assert self.shared.keys == {page["key"]: id for id, page in self.twin.pages.items() if page["key"] is not None}
        assert self.shared.refused == self.twin.refused
        for rank in self.twin.alive:
            assert self.shared.free(rank) == self.twin.capacities[rank] - self.twin.owned(rank)


TestRanks = Ranks.TestCase
TestRanks.settings = settings(max_examples=100, stateful_step_count=20, deadline=None)


def test_what_moves_and_is_copied_in_one_step_comes_from_where_it_lay():
    shared = SharedPages([1, 2, 1])
    a = shared.apply(0, 0, Put(b"a", None))
    for rank in (1, 2):
        assert shared.apply(rank, 0, Get(b"a")) == a
    lay = shared.pages[a].place
    assert shared.end() == []
    shared.begin()
    assert [shared.apply(0, 0, Migrate(a, to)) for to in (2, 1)] == [True, True]
    own = shared.apply(1, 0, Write(a))
    assert shared.apply(2, 0, Put(b"b", None)) is None  # a has been in its only slot in this step
    assert {(page, source, target.rank) for page, source, target in shared.end()} == {(a, lay, 1), (own, lay, 1)}
    shared.begin()
    assert shared.apply(2, 0, Put(b"b", None)) is not None
