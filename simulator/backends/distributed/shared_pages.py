"""Who owns and who holds which page: a state that is the same on every rank, because all apply the same to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from .operations import Get, Migrate, Operation, Put, Read, Release, Write


class Place(NamedTuple):
    """Where content lies."""

    rank: int
    slot: int  # of the rank's memory


class Copy(NamedTuple):
    """Content of a page to be copied from where it lay when the step began, or was put in it."""

    page: int
    source: Place
    target: Place


class Asked(NamedTuple):
    """A place that an operation of a rank reads, or puts its page in; `operation` is its position among the rank's."""

    rank: int
    operation: int
    place: Place


@dataclass(slots=True)
class Page:
    key: bytes | None
    place: Place | None  # None: lost with its owner
    holders: Counter[int] = field(default_factory=Counter)  # references by rank


class SharedPages:
    """Pages in the memories of ranks, `capacities` pages each, through steps of operations.

    Within a step a slot that becomes free is not used again, so that whatever is copied may be copied in any order.
    """

    def __init__(self, capacities: Sequence[int]) -> None:
        self.pages: dict[int, Page] = {}
        self.keys: dict[bytes, int] = {}
        self.alive = set(range(len(capacities)))
        self.refused = self.lost = 0  # operations for lack of memory; pages that were held when their owner died
        self._free = [list(range(n - 1, -1, -1)) for n in capacities]
        self._freed: list[Place] = []
        self._made = 0
        self.begin()

    def begin(self) -> None:
        """Begin a step."""
        self.puts: list[Asked] = []
        self.reads: list[Asked] = []
        self.found: list[tuple[int, bytes]] = []  # owners and keys of pages that another rank came to hold
        self._origins: dict[int, Place] = {}  # of pages moved or copied in this step

    def free(self, rank: int) -> int:
        """Pages that `rank` has room for in this step."""
        return len(self._free[rank])

    def held(self, id: int, rank: int) -> int:
        """References that `rank` has to a page."""
        return self.pages[id].holders[rank] if id in self.pages else 0

    def apply(self, rank: int, number: int, operation: Operation) -> int | bool | None:
        """What the operation of `rank`, its `number`th in this step, comes to, but for Read: contents are not here."""
        match operation:
            case Put(key):
                return self._put(rank, number, key)
            case Get(key):
                return self._get(rank, key)
            case Read(id):
                self._read(rank, number, id)
            case Write(id):
                return self._write(rank, id)
            case Migrate(id, to):
                return self._migrate(id, to)
            case Release(id):
                self._release(rank, id)
        return None

    def end(self) -> list[Copy]:
        """End the step; what must be copied between slots for it."""
        copies = [
            Copy(id, origin, page.place)
            for id, origin in self._origins.items()
            if (page := self.pages.get(id)) is not None and page.place not in (None, origin)
        ]
        self._free_slots()
        return copies

    def lose(self, id: int) -> None:
        """Between steps: forget the content of a page. Its holders keep it, and read nothing, until they release it."""
        page = self.pages.get(id)
        if page is not None and page.place is not None:
            self._withdraw(id, page)
            self._vacate(page)
            self._free_slots()
            self.lost += 1

    def drop(self, rank: int) -> None:
        """Between steps: a rank has died. Its references are given up, and the pages that it owned are lost."""
        self.alive.discard(rank)
        for id, page in list(self.pages.items()):
            del page.holders[rank]
            if not page.holders:
                self._forget(id, page)
            elif page.place is not None and page.place.rank == rank:
                self.lose(id)
        self._free_slots()

    def _put(self, rank: int, number: int, key: bytes) -> int | None:
        if key in self.keys:
            return self._get(rank, key)
        place = self._take(rank)
        if place is None:
            return None
        self.puts.append(Asked(rank, number, place))
        return self._new_page(rank, key, place)

    def _get(self, rank: int, key: bytes) -> int | None:
        id = self.keys.get(key)
        if id is not None:
            page = self.pages[id]
            page.holders[rank] += 1
            assert page.place is not None  # lost pages have no key
            if page.place.rank != rank:
                self.found.append((page.place.rank, key))
        return id

    def _read(self, rank: int, number: int, id: int) -> None:
        source = self._source(id)
        if source is not None:
            self.reads.append(Asked(rank, number, source))

    def _write(self, rank: int, id: int) -> int | None:
        page, source = self.pages[id], self._source(id)
        if source is None:
            return None
        if page.holders.total() == 1:
            if not self._move(id, page, rank):
                return None
            self._withdraw(id, page)
            return id
        place = self._take(rank)
        if place is None:
            return None
        self._give_up(rank, page)
        copy = self._new_page(rank, None, place)
        self._origins[copy] = source
        return copy

    def _migrate(self, id: int, to: int) -> bool:
        page = self.pages[id]
        return page.place is not None and to in self.alive and self._move(id, page, to)

    def _release(self, rank: int, id: int) -> None:
        page = self.pages[id]
        self._give_up(rank, page)
        if not page.holders:
            self._forget(id, page)

    def _source(self, id: int) -> Place | None:
        return self._origins.get(id, self.pages[id].place)

    def _move(self, id: int, page: Page, to: int) -> bool:
        assert page.place is not None
        if page.place.rank == to:
            return True
        place = self._take(to)
        if place is None:
            return False
        self._origins.setdefault(id, page.place)
        self._vacate(page)
        page.place = place
        return True

    def _new_page(self, rank: int, key: bytes | None, place: Place) -> int:
        self._made += 1
        self.pages[self._made] = Page(key, place, Counter({rank: 1}))
        if key is not None:
            self.keys[key] = self._made
        return self._made

    def _take(self, rank: int) -> Place | None:
        if self._free[rank]:
            return Place(rank, self._free[rank].pop())
        self.refused += 1
        return None

    def _give_up(self, rank: int, page: Page) -> None:
        page.holders[rank] -= 1
        if not page.holders[rank]:
            del page.holders[rank]

    def _withdraw(self, id: int, page: Page) -> None:
        if page.key is not None:
            del self.keys[page.key]
            page.key = None

    def _vacate(self, page: Page) -> None:
        if page.place is not None:
            self._freed.append(page.place)
            page.place = None

    def _free_slots(self) -> None:
        for place in self._freed:
            self._free[place.rank].append(place.slot)
        self._freed.clear()

    def _forget(self, id: int, page: Page) -> None:
        self._withdraw(id, page)
        self._vacate(page)
        del self.pages[id]
