"""What a request brings from elsewhere before it is prefilled: pages of the tiers below, or of another replica.

Rules. "cheaper": of the pages that are elsewhere, behind those that are hit, as many are brought, place by place, as
let the prompt be done first. That takes until the links are done, with what they were asked for before, too, and then
what the rest takes to compute; nothing is brought where computing all is no slower. How busy the device is, is not
asked. "always": as many as there are in the tiers, or at one other replica.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .links import Hop, Link, Transfer
from .requests import Request
from .tiers import PEER, Tiers

if TYPE_CHECKING:
    from .replica import Replica

RULES = ("cheaper", "always")
ON_HIT = ("replicate", "move")


class Part(NamedTuple):
    """Pages that follow each other and come from one place."""

    place: str
    path: Sequence[Hop]
    pages: int


class Fetch(NamedTuple):
    """Pages for a request, in order."""

    parts: Sequence[Part]
    peer: Replica | None  # that they come from; None: from the tiers

    @property
    def pages(self) -> int:
        return sum(part.pages for part in self.parts)

    def transfer(self, now: float) -> Transfer:
        transfer = Transfer(now)
        for part in self.parts:
            transfer.add(part.path, part.pages)
        return transfer


@dataclass
class Places:
    """Where one replica finds pages: in its tiers, and in the memories of `peers`."""

    tiers: Tiers
    inbound: Link  # from other replicas
    outbound: Link
    page_bytes: int
    rule: str  # one of RULES
    on_hit: str | None  # one of ON_HIT: what becomes of a peer's page that is brought
    on_write: bool  # whether pages that are computed are copied to all peers
    layerwise: bool  # whether a prompt is prefilled layer by layer while its pages come
    peers: Sequence[Replica] = ()

    def path_from(self, source: Places) -> tuple[Hop]:
        """From another replica's memory to this one's."""
        return (Hop((source.outbound, self.inbound), self.page_bytes),)

    def fetch(
        self, request: Request, hits: int, most: int, now: float, compute: Callable[[int], float]
    ) -> Fetch | None:
        """What to bring of the first `most` pages of `request`, of which the first `hits` are at hand.

        `compute(pages)` is how many seconds the prompt takes to compute behind its first `pages` pages.
        """
        best, least = None, compute(hits) if self.rule == "cheaper" else 0.0
        for option in self._options(request, hits, most, now):
            transfer, pages = Transfer(now), hits
            for taken, part in enumerate(option.parts, 1):
                transfer.add(part.path, part.pages)
                pages += part.pages
                score = transfer.end - now + compute(pages) if self.rule == "cheaper" else float(hits - pages)
                if score < least:
                    best, least = option._replace(parts=option.parts[:taken]), score
        return best

    def note(self, pages: np.ndarray, fetch: Fetch, now: float) -> None:
        """`pages` are what `fetch` brings, which is there at `now`: tell the tiers that they come from."""
        if fetch.peer is None:
            start = 0
            for part in fetch.parts:  # those that lie in the first tier come first, and do not leave for the others
                self.tiers.loaded(pages[start : start + part.pages].tolist(), now)
                start += part.pages

    def _options(self, request: Request, hits: int, most: int, now: float) -> list[Fetch]:
        options = []
        if self.tiers.levels:
            found = self.tiers.find(request.pages[hits:most], now)
            runs = [(self.tiers.levels[level], len(list(run))) for level, run in itertools.groupby(found)]
            options.append(Fetch([Part(level.name, level.read, count) for level, count in runs], None))
        if self.on_hit is not None:
            for peer in self.peers:
                more = min(peer.hits(request), most) - hits
                if more > 0:
                    options.append(Fetch([Part(PEER, self.path_from(peer.arrivals.places), more)], peer))
        return options
