"""Pages shared by ranks, as one list that has everything: content, owner, and a line for every reference."""

from __future__ import annotations

from typing import Any

from kvreplay.simulator.backends.distributed import Get, Migrate, Put, Read, Release, Write


class Twin:
    def __init__(self, capacities: list[int]) -> None:
        self.capacities = capacities
        self.alive = list(range(len(capacities)))
        self.pages: dict[int, dict[str, Any]] = {}
        self.made = self.refused = 0

    def step(self, asked: dict[int, list]) -> dict[int, list]:
        """What the operations of each living rank come to. Slots that become free serve in the next step only."""
        self.room = {rank: self.capacities[rank] - self.owned(rank) for rank in self.alive}
        return {rank: [self.do(rank, operation) for operation in asked.get(rank, [])] for rank in self.alive}

    def owned(self, rank: int) -> int:
        return sum(page["owner"] == rank for page in self.pages.values())

    def held(self, rank: int) -> list[int]:
        """An id for every reference of `rank`."""
        return [id for id, page in self.pages.items() for holder in page["holders"] if holder == rank]

    def die(self, rank: int) -> None:
        self.alive.remove(rank)
        for id, page in list(self.pages.items()):
            page["holders"] = [holder for holder in page["holders"] if holder != rank]
            if not page["holders"]:
                del self.pages[id]
            elif page["owner"] == rank:
                self.lose(id)

    def lose(self, id: int) -> None:
        if id in self.pages:
            self.pages[id].update(owner=None, key=None, content=None)

    def do(self, rank: int, operation: Any) -> Any:
        if isinstance(operation, Put | Get):
            for id, page in self.pages.items():
                if page["key"] == operation.key:
                    page["holders"].append(rank)
                    return id
            if isinstance(operation, Get) or not self.take(rank):
                return None
            return self.make(rank, operation.key, operation.page)
        page = self.pages[operation.id]
        if isinstance(operation, Release):
            page["holders"].remove(rank)
            if not page["holders"]:
                del self.pages[operation.id]
            return None
        if isinstance(operation, Read):
            return page["content"]
        if isinstance(operation, Migrate):
            return page["owner"] is not None and operation.to in self.alive and self.move(page, operation.to)
        assert isinstance(operation, Write)
        if page["owner"] is None:
            return None
        if page["holders"] == [rank]:
            if not self.move(page, rank):
                return None
            page["key"] = None
            return operation.id
        if not self.take(rank):
            return None
        page["holders"].remove(rank)
        return self.make(rank, None, page["content"])

    def move(self, page: dict[str, Any], to: int) -> bool:
        if page["owner"] == to:
            return True
        if not self.take(to):
            return False
        page["owner"] = to
        return True

    def take(self, rank: int) -> bool:
        there_is = self.room[rank] > 0
        self.room[rank] -= there_is
        self.refused += not there_is
        return there_is

    def make(self, rank: int, key: bytes | None, content: Any) -> int:
        self.made += 1
        self.pages[self.made] = {"owner": rank, "key": key, "holders": [rank], "content": content}
        return self.made
