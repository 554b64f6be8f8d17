"""Pages on their way to a replica: requests that wait for them, and what becomes of the pages where they come from.

A request that is admitted holds device memory for the pages that it brings, and waits outside the queue while others
run, as with vLLM's KV connectors. Where pages come from they are not held meanwhile, but for those of a prompt that one
replica has prefilled for another: these leave when the other has them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import simpy

from .cost import StepCost, attended
from .fetching import Fetch, Places
from .links import Transfer
from .memory import PagedMemory, VllmMemory
from .recorder import Recorder
from .requests import Request
from .speculation import Speculation, target_of


@dataclass(frozen=True)
class Handover:
    """A prompt that one replica has prefilled, for another to decode."""

    source: Arrivals  # where its pages are held
    lease: Any
    taken: int  # pages that are not of the lease


class Arrivals:
    """Of one replica. `give_back` releases what a request held of its memory; `settle` is called before that is changed
    from outside, `wake` when a request may run."""

    def __init__(
        self,
        env: simpy.Environment,
        number: int,
        cost: StepCost | Speculation,
        memory: PagedMemory,
        page_tokens: int,
        places: Places,
        recorder: Recorder,
        give_back: Callable[[Any, int], None],
        settle: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        self.places = places
        self.loaded: deque[Request] = deque()  # that can be prefilled
        self.handed: deque[Request] = deque()  # that can decode
        self.loading = 0  # requests whose pages are under way
        self.leaving = 0  # requests whose pages are held until another replica has them
        self._env, self._number, self._cost, self._memory, self._recorder = env, number, cost, memory, recorder
        self._page_tokens, self._give_back, self._settle, self._wake = page_tokens, give_back, settle, wake
        self._layers = target_of(cost).model.layers if places.layerwise else 1

    def __len__(self) -> int:
        """Requests that wait for pages, or have them and do not run yet."""
        return self.loading + len(self.loaded) + len(self.handed)

    def bring(self, request: Request, hits: int, most: int) -> bool:
        """Bring what is elsewhere of an admitted request, of whose first `most` pages `hits` are leased.

        It is among `loaded`, or `handed`, when that is there. False: there is nothing to bring, so that it may run.
        """
        now = self._env.now
        if request.handover is not None:
            transfer, pages = Transfer(now), -(-request.prompt // self._page_tokens) - hits
            transfer.add(self.places.path_from(request.handover.source.places), pages)
            self._begin(self._take_over(request, transfer, request.handover), transfer, pages)
            return True
        fetch = self.places.fetch(request, hits, most, now, partial(self._seconds_behind, request))
        self._recorder.admitted(request, now, request.computed, self._tokens_of(fetch))
        if fetch is None:
            return False
        transfer = fetch.transfer(now)
        self._begin(self._load(request, fetch, transfer), transfer, fetch.pages)
        return True

    def hand_over(self, request: Request, taken: int) -> None:
        """Hold the pages of a prefilled request, `taken` beside its lease, until another replica has brought them."""
        request.handover = Handover(self, request.lease, taken)
        request.computed = request.kept = 0
        self.leaving += 1

    def send(self, request: Request) -> None:
        """Copy the pages of a prompt to all other replicas that lack them."""
        for peer in self.places.peers:
            missing = len(request.pages) - peer.hits(request)
            if missing:
                transfer = Transfer(self._env.now)
                transfer.add(peer.arrivals.places.path_from(self.places), missing)
                transfer.start()
                self._env.process(peer.arrivals._receive(request.pages, transfer))

    def _begin(self, arrival: Generator[simpy.Event, Any, None], transfer: Transfer, pages: int) -> None:
        """Begin to move `pages` pages into memory that is held for them from now on."""
        self._memory.take(pages)
        transfer.start()
        self.loading += 1
        self._env.process(arrival)

    def _load(self, request: Request, fetch: Fetch, transfer: Transfer) -> Generator[simpy.Event, Any, None]:
        """Let a request run when its pages are there; layer by layer, when their first layer is."""
        pages = request.pages[request.kept : request.kept + fetch.pages]
        self.places.note(pages, fetch, transfer.end)
        yield self._env.timeout(transfer.layer(self._layers) - self._env.now)
        self._memory.keep(request.lease, pages)
        request.kept += len(pages)
        request.computed += len(pages) * self._page_tokens
        request.arrives = transfer.end
        if fetch.peer is not None and self.places.on_hit == "move":
            fetch.peer.arrivals._drop(pages)
        self.loading -= 1
        self.loaded.append(request)
        self._wake()

    def _take_over(self, request: Request, transfer: Transfer, handover: Handover) -> Generator[simpy.Event, Any, None]:
        """Let a request decode when its keys and values are there, and its former replica have the memory."""
        yield self._env.timeout(transfer.end - self._env.now)
        self._memory.keep(request.lease, request.pages[request.kept :])
        request.kept, request.computed, request.handover = len(request.pages), request.prompt, None
        self._recorder.handed_over(request, self._env.now, self._number)
        handover.source._let_go(handover)
        self.loading -= 1
        self.handed.append(request)
        self._wake()

    def _let_go(self, handover: Handover) -> None:
        self._give_back(handover.lease, handover.taken)
        self.leaving -= 1
        self._wake()

    def _drop(self, pages: np.ndarray) -> None:
        """Let those of `pages` leave that no request uses: another replica has them."""
        assert isinstance(self._memory, VllmMemory)
        self._memory.drop(pages)

    def _receive(self, pages: np.ndarray, transfer: Transfer) -> Generator[simpy.Event, Any, None]:
        """Cache copies of `pages` that another replica computed, as many as there is room for, when they are there."""
        yield self._env.timeout(transfer.end - self._env.now)
        self._settle()
        hits, _ = self._memory.lookup(pages)
        lease = self._memory.lease(pages[:hits])
        new = pages[hits : hits + self._memory.available]
        self._memory.take(len(new))
        self._memory.keep(lease, new)
        self._memory.release(lease, 0)

    def _seconds_behind(self, request: Request, pages: int) -> float:
        """What the prompt takes to compute behind its first `pages` pages."""
        done = pages * self._page_tokens
        return self._cost.added(request.target - done, attended(done, request.target - done))

    def _tokens_of(self, fetch: Fetch | None) -> dict[str, int]:
        """Tokens that are brought, by place."""
        tokens: dict[str, int] = {}
        for part in fetch.parts if fetch is not None else ():
            tokens[part.place] = tokens.get(part.place, 0) + part.pages * self._page_tokens
        return tokens
