"""What a rank uses: pages in its memory and in that of others, through torch.distributed."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor

from ..layout import PageLayout
from ..page_data import PageData
from .operations import Get, Migrate, Operation, Put, Release, Write, decode, encode
from .rounds import DirectoryError, Rounds
from .shared_pages import Place, SharedPages
from .transfers import Transfers

_made = itertools.count()  # directories of this process; every rank makes the same ones


class DirectoryStats(NamedTuple):
    """Figures of the pages of all ranks, and of what this rank moved."""

    owned: dict[int, int]  # pages in the memory of each living rank
    free: dict[int, int]
    shared: int  # pages held by more than one rank
    refused: int  # operations for lack of memory
    lost: int  # pages that were held when their owner died
    bytes_received: int  # by this rank
    bytes_sent: int


class DistributedPageDirectory:
    """Pages of `layout` in the memories of all ranks, `capacity` of them in that of this one, on `device`.

    All ranks call `step` together, as often, each with operations of its own. Every page has one owner, in whose memory
    it lies, and references, counted by rank; nobody else may use the slots. Needs `torch.distributed` initialised: gloo
    for memory of the CPU, NCCL for that of GPUs. Pages travel as bytes, from owner to reader.

    Guaranteed: the operations of a step are applied in order of ranks, and by all ranks the same ones, so that the
    directory is the same everywhere. What a rank reads is what the page held when the step began; it changes only in
    the hands of its only holder, after Write. A rank that dies (by kill -9, say) is noticed in the next step,
    `timeout` seconds after another waits for it. Its references are given up, and pages in its memory are lost: nobody
    finds them any more, and who holds them reads None. So is a page that was on its way from or to it. All other
    pages stay as they are.

    Not guaranteed: pages are not kept twice, so that lost ones must be computed anew. A rank that takes longer than
    `timeout` from one step to the next is taken for dead, and told so by DirectoryError. Ranks do not come back. The
    process that holds the store of the default group must live: with torchrun that is none of them. Deaths are survived
    under gloo. NCCL has not been tried; what it does when a peer dies is up to its error handling, which by default
    ends the process.

    Raises DirectoryError where torch.distributed is not initialised or its backend cannot serve `device`, PageError
    where memory does not suffice.
    """

    def __init__(
        self,
        layout: PageLayout,
        capacity: int,
        *,
        device: str | torch.device = "cpu",
        timeout: float = 30.0,
    ) -> None:
        if not dist.is_initialized():
            raise DirectoryError("page directory: torch.distributed is not initialised; call init_process_group first")
        backend, kind = dist.get_backend(), torch.device(device).type
        if (backend == "nccl") != (kind == "cuda"):
            raise DirectoryError(f"page directory: {backend} does not move pages on {kind}; use nccl for cuda, or gloo")
        self.layout, self.rank, self._world = layout, dist.get_rank(), dist.get_world_size()
        self._content = PageData(layout, capacity, device)
        # The same memory, as what every backend can send: gloo, for one, refuses float8.
        self._bytes = self._content.data.view(capacity, -1).view(torch.uint8)
        self._timeout = timeout
        store = dist.distributed_c10d._get_default_store()
        self._rounds = Rounds(store, f"kvreplay-pages-{next(_made)}", self.rank, timeout)
        ranks = range(self._world)
        told = self._rounds.exchange(json.dumps(capacity), ranks)
        self._shared = SharedPages([json.loads(told[rank]) if rank in told else 0 for rank in ranks])
        for rank in ranks:
            if rank not in told:
                self._shared.drop(rank)
        self._connect()
        self._failed = False  # whether a transfer of the last step did, and which pages did not arrive for it
        self._missing: list[int] = []
        self._received = self._sent = 0

    def step(self, operations: Sequence[Operation] = ()) -> list[Any]:
        """Apply the operations of all ranks; what those of this rank come to, as each operation says.

        Raises DirectoryError, before anything is said to the others, for a page that this rank does not hold, a rank
        or page that is none; and where this rank is taken for dead.
        """
        self._check(operations)
        shared = self._shared
        said = json.dumps([self._failed, self._missing, encode(operations)])
        heard = {rank: json.loads(told) for rank, told in self._rounds.exchange(said, shared.alive).items()}
        dead = shared.alive - heard.keys()
        for rank in sorted(dead):
            shared.drop(rank)
        for _, missing, _ in heard.values():
            for id in missing:
                shared.lose(id)
        shared.begin()
        if dead or any(failed for failed, *_ in heard.values()):
            self._connect()
        answers: list[Any] = []
        for rank, (*_, asked) in heard.items():
            came_to = [shared.apply(rank, number, operation) for number, operation in enumerate(decode(asked))]
            if rank == self.rank:
                answers = came_to
        self._move(operations, answers)
        return answers

    def page(self, id: int) -> Tensor | None:
        """(*layout.shape): a page in the memory of this rank, itself; not to be changed unless Write gave it.

        None where it was lost: with its former owner, as it was on its way. Release it then.
        Raises DirectoryError where this rank does not hold it, or it lies elsewhere.
        """
        place = self._place(id)
        if place is None or id in self._missing:
            return None
        if place.rank != self.rank:
            raise DirectoryError(f"page {id}: is in the memory of rank {place.rank}; Read copies pages of others")
        return self._content.data[place.slot]

    def owner(self, id: int) -> int | None:
        """The rank in whose memory a page lies; None where it was lost. Raises DirectoryError where it is not held."""
        place = self._place(id)
        return None if place is None else place.rank

    @property
    def alive(self) -> list[int]:
        """The ranks that took part in the last step."""
        return sorted(self._shared.alive)

    @property
    def free(self) -> int:
        """Pages that this rank has room for."""
        return self._shared.free(self.rank)

    @property
    def found(self) -> list[bytes]:
        """Keys of pages in the memory of this rank that others came to hold in the last step: they are in use."""
        return [key for owner, key in self._shared.found if owner == self.rank]

    def stats(self) -> DirectoryStats:
        """Figures of now, and since the directory was made. Another thread than that of `step` may ask, too."""
        shared = self._shared
        pages = list(shared.pages.values())
        owned = Counter(place.rank for place in [page.place for page in pages] if place is not None)
        return DirectoryStats(
            owned={rank: owned[rank] for rank in self.alive},
            free={rank: shared.free(rank) for rank in self.alive},
            shared=sum(len(page.holders) > 1 for page in pages),
            refused=shared.refused,
            lost=shared.lost,
            bytes_received=self._received,
            bytes_sent=self._sent,
        )

    def _place(self, id: int) -> Place | None:
        if not self._shared.held(id, self.rank):
            raise DirectoryError(f"page {id}: is not held by rank {self.rank}; hold it by Put or Get")
        return self._shared.pages[id].place

    def _move(self, operations: Sequence[Operation], answers: list[Any]) -> None:
        """Store, copy, send and receive what belongs to the step."""
        shared = self._shared
        for rank, number, place in shared.puts:
            if rank == self.rank:
                put = operations[number]
                assert isinstance(put, Put)
                assert put.page is not None
                self._content.data[place.slot].copy_(put.page)
        transfers = Transfers(self._bytes, self.rank, self._group)
        copies = shared.end()
        for _, source, target in copies:
            if target.rank == self.rank:
                transfers.receive(source, self._bytes[target.slot])
            elif source.rank == self.rank:
                transfers.send(source, target.rank)
        for rank, number, source in shared.reads:
            if rank == self.rank:
                answers[number] = torch.empty_like(self._content.data[0])
                transfers.receive(source, answers[number].view(-1).view(torch.uint8))
            elif source.rank == self.rank:
                transfers.send(source, rank)
        failed = transfers.run()
        self._failed = bool(failed) or self._group is None
        self._missing = [page for page, source, target in copies if target.rank == self.rank and source.rank in failed]
        for rank, number, source in shared.reads:
            if rank == self.rank and source.rank in failed:
                answers[number] = None
        self._received += transfers.received
        self._sent += transfers.sent

    def _connect(self) -> None:
        """A group of those that live: a member that died may have broken the one before."""
        wait = timedelta(seconds=self._timeout / 2)  # be done before others wait too long for the next step
        try:
            self._group = dist.new_group(self.alive, timeout=wait, use_local_synchronization=True)
        except RuntimeError:  # somebody died meanwhile; the next step will tell
            self._group = None

    def _check(self, operations: Sequence[Operation]) -> None:
        given_up: Counter[int] = Counter()
        for operation in operations:
            if isinstance(operation, Put | Get):
                if not (isinstance(operation.key, bytes) and operation.key):
                    raise DirectoryError(f"{_told(operation)}: key {operation.key!r} is none; give bytes")
            elif self._shared.held(operation.id, self.rank) <= given_up[operation.id]:
                raise DirectoryError(
                    f"{_told(operation)}: rank {self.rank} does not hold page {operation.id}, or gave it up before; "
                    "hold it by Put or Get, in a step before"
                )
            if isinstance(operation, Release | Write):  # Write may come to another page
                given_up[operation.id] += 1
            elif isinstance(operation, Migrate) and not 0 <= operation.to < self._world:
                raise DirectoryError(f"Migrate: there is no rank {operation.to}; give one from 0 to {self._world - 1}")
            elif isinstance(operation, Put):
                page, like = operation.page, self._content.data[0]
                if page is None or page.shape != like.shape or page.dtype != like.dtype:
                    given = "none" if page is None else f"{page.dtype} {tuple(page.shape)}"
                    raise DirectoryError(f"Put: page is {given}; give {like.dtype} {tuple(like.shape)}")


def _told(operation: Operation) -> str:
    return type(operation).__name__
