"""What happens in a simulation, as columns: a row per request, and a row per step or run of equal decode steps."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence, Sized
from typing import Any, Protocol

import numpy as np
import polars as pl
import xxhash

from .requests import Request

# Of every step: name -> (typecode, meaning).
STEPS = {
    "replica": ("i", "number of the replica"),
    "start": ("d", "s"),
    "end": ("d", "s"),
    "steps": ("q", "how many: several where requests only decode and nothing else happens"),
    "prefill_tokens": ("q", "prompt tokens computed"),
    "sequences": ("q", "requests that decode"),
    "output_tokens": ("q", "tokens generated, by prompts that are all computed, too"),
    "running": ("q", "requests that hold memory"),
    "waiting": ("q", "requests in the queue"),
    "held_pages": ("q", "pages in use by requests, each counted once"),
    "pinned_pages": ("q", "of these, those that can be hit"),
    "saved_pages": ("q", "copies that requests do without, because they share pinned pages"),
    "idle_pages": ("q", "pages that can be hit and that no request uses"),
}


class Pages(Protocol):
    """What a record tells of a server's pages; see `memory.PagedMemory`."""

    @property
    def capacity(self) -> int: ...
    @property
    def available(self) -> int: ...
    @property
    def pinned(self) -> int: ...
    @property
    def leased(self) -> int: ...
    @property
    def idle(self) -> int: ...


class Tier(Protocol):
    """A place below the device's memory; see `tiers.Level`."""

    @property
    def name(self) -> str: ...
    @property
    def pages(self) -> Sized: ...


class Stepping(Protocol):
    """A server at the end of a step."""

    @property
    def number(self) -> int: ...
    @property
    def memory(self) -> Pages: ...
    @property
    def running(self) -> Sized: ...
    @property
    def waiting(self) -> Sized: ...


class Recorder:
    """Gathers the events of a simulation of `requests` requests."""

    def __init__(self, requests: int, places: Sequence[str] = ()) -> None:
        self.replica = np.full(requests, -1, np.int32)  # -1: refused
        self.tier = np.full(requests, -1, np.int32)  # in front, that answered; -1: none
        self.arrival, self.admission, self.first, self.end = np.full((4, requests), np.nan)
        self.hit_tokens = np.zeros(requests, np.int64)  # at the first admission
        # Brought from each of `places` at the first admission.
        self.loaded_tokens = {place: np.zeros(requests, np.int64) for place in places}
        self.decoder = np.full(requests, -1, np.int32)  # the replica that decodes what another prefilled; -1: none
        self.handover = np.full(requests, np.nan)  # when it had the keys and values
        self.moved: dict[str, int] = {}  # bytes by link
        self.prefilled_tokens = np.zeros(requests, np.int64)  # computed, again after every preemption
        self.preemptions = np.zeros(requests, np.int32)
        # Pages that its replica might cache when it was admitted, where a controller moves that; -1: as many as fit.
        self.limit = np.full(requests, -1, np.int64)
        self._stored_at = array("d")
        self._stored = {place: array("q") for place in places}  # pages in all tiers of a name
        self._held: dict[Sized, int] = {}  # in each
        self._steps = {name: array(code) for name, (code, _) in STEPS.items()}
        self._columns: list[Any] = list(self._steps.values())

    def arrived(self, request: Request, now: float) -> None:
        self.arrival[request.number] = now

    def accepted(self, request: Request, replica: int) -> None:
        self.replica[request.number] = replica

    def answered(self, request: Request, now: float, tier: int) -> None:
        """A tier in front answered with all tokens at once."""
        self.tier[request.number] = tier
        self.first[request.number] = self.end[request.number] = now

    def admitted(
        self, request: Request, now: float, hit_tokens: int, loaded_tokens: Mapping[str, int] | None = None
    ) -> None:
        number = request.number
        if np.isnan(self.admission[number]):
            self.admission[number] = now
            self.hit_tokens[number] = hit_tokens
            for place, tokens in (loaded_tokens or {}).items():
                self.loaded_tokens[place][number] = tokens

    def sized(self, request: Request, limit: int) -> None:
        if self.limit[request.number] < 0:
            self.limit[request.number] = limit

    def prefilled(self, request: Request, tokens: int) -> None:
        self.prefilled_tokens[request.number] += tokens

    def stored(self, now: float, tiers: Sequence[Tier]) -> None:
        """A replica copied the pages of a prompt into `tiers`, all that it has."""
        self._stored_at.append(now)
        for tier in tiers:
            column, before = self._stored[tier.name], self._held.get(tier.pages, 0)
            self._held[tier.pages] = len(tier.pages)
            column.append((column[-1] if column else 0) + len(tier.pages) - before)

    def token(self, request: Request, now: float) -> None:
        """A request has a token because it was prefilled: its first, unless it was preempted."""
        if np.isnan(self.first[request.number]):
            self.first[request.number] = now

    def handed_over(self, request: Request, now: float, replica: int) -> None:
        """A replica has the keys and values of a request, which it decodes."""
        self.decoder[request.number] = replica
        self.handover[request.number] = now

    def preempted(self, request: Request) -> None:
        self.preemptions[request.number] += 1

    def ended(self, request: Request, now: float) -> None:
        self.end[request.number] = now

    def step(
        self, server: Stepping, start: float, now: float, steps: int, prefilled: int, sequences: int, generated: int
    ) -> None:
        memory = server.memory
        row = (
            *(server.number, start, now, steps, prefilled, sequences, generated),
            *(len(server.running), len(server.waiting)),
            *(memory.capacity - memory.available, memory.pinned, memory.leased - memory.pinned, memory.idle),
        )
        for column, value in zip(self._columns, row, strict=True):
            column.append(value)

    def steps(self) -> pl.DataFrame:
        """The columns of STEPS, in order of their ends. The state is that of the end, before requests leave."""
        return pl.DataFrame(self.step_columns())

    def step_columns(self) -> dict[str, np.ndarray]:
        """The same as arrays."""
        return {name: np.asarray(column) for name, column in self._steps.items()}

    def below(self) -> pl.DataFrame:
        """`time` in seconds, and `TIER_pages` that the tiers of a name held from then on, in all replicas together."""
        pages = {f"{place}_pages": np.asarray(column) for place, column in self._stored.items() if len(column)}
        return pl.DataFrame({"time": np.asarray(self._stored_at), **pages})

    def digest(self) -> str:
        """32 hex digits over every event and its time."""
        digest = xxhash.xxh3_128()
        columns = (
            self.replica,
            self.tier,
            self.arrival,
            self.admission,
            self.first,
            self.end,
            self.hit_tokens,
            self.preemptions,
        )
        for column in (*columns, *self.step_columns().values()):
            digest.update(np.ascontiguousarray(column).data)
        return digest.hexdigest()
