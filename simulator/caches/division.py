"""One budget of memory, divided among the tiers of a stack and the pages behind them while requests pass through.

What a tier takes is modelled. An entry of whole answers is its prompt and its answer, 4 bytes a token (a token's id,
and about what a token of English text takes), of the trace's mean length, 256 bytes for keys and links, and where it is
found by similarity the vector. A page is the K/V of its tokens.

What a hit is worth is counted in tokens, for all parts alike: a page those that it holds; an answer its own, and of the
prompt's what the pages would not have spared, which hit so often as they do for others. Every part is judged by what
reaches it: that the semantic tier would answer as well what the exact one does is not seen.

What a tier would hit at other sizes: beside it runs its shadow, one of its kind under LRU with more room, which tells
by which entry every request would be answered. Reuse of these entries gives the curve, as reuse of pages does. For the
exact tier that is as good as for pages. For the semantic one it is near, since who is answered by whom depends on what
is held (in a test it is up to 3 points too low), and it is flat beyond the size of the shadow, whose every lookup costs
as much as one of the tier itself. What shadows take is not in the budget. A wrong answer counts as one: a threshold
that holds `false_hits` is what keeps memory from going to them.
"""

from __future__ import annotations

import itertools

import numpy as np

from kvreplay.traces.trace import Trace

from .entries import online
from .hybrid import HybridCache, Reply
from .request import Request, prompt_tokens
from .sizing import Divider, Resizes, Sizing, SizingError, check_resizable
from .sizing.hit_curve import STEPS
from .stack import Stack, TierSpec
from .tier import Tier

_BYTES_PER_TOKEN = 4
_BOOKKEEPING = 256  # bytes
_SHADOW = 4096  # entries of a shadow that is searched by similarity, at most


class Division:
    """The tiers of `stack` for the requests of `trace`, empty, and what each may take of `budget` bytes; the last part
    is that of the pages, of `page_bytes` bytes each, which are not held here.

    Raises SizingError for what cannot be divided.
    """

    def __init__(
        self, trace: Trace, stack: Stack, sizing: Sizing, budget: int, page_bytes: int, *, seed: int = 0
    ) -> None:
        self.trace, self.budget = trace, budget
        self.names = [*(tier.name for tier in stack.tiers), "pages"]
        self._units = _units(trace, stack, page_bytes)
        self._divider = make_divider(trace, stack, sizing, budget, page_bytes)
        self.history = [(0, self._divider.capacities)]  # from which request on, and the bytes of each part
        self.answered_by = np.full(trace.n_requests, -1, np.int8)  # the number of the tier; -1: none
        # No tier can hold more entries than there are requests.
        self._most = [min(budget // unit, trace.n_requests) for unit in self._units[:-1]]
        self.caches = HybridCache(
            *(tier.build(trace, seed, capacity=most) for tier, most in zip(stack.tiers, self._most, strict=True))
        )
        self._resize()
        self._shadows = [
            tier.build(trace, seed, capacity=min(most, _SHADOW) if tier.dimensions else most, policy="lru")
            for tier, most in zip(stack.tiers, self._most, strict=True)
            if self._divider.period < trace.n_requests
        ]
        self._forget()

    def before(self, request: Request) -> None:
        """Divide anew where it is time."""
        if request.number and request.number % self._divider.period == 0:
            for part, (seen, worth) in enumerate(zip(self._seen, self._worth, strict=True)):
                self._divider.observe(part, np.array(seen, np.uint32), worth)
            self._forget()
            capacities = self._divider.decide()
            if capacities != self.history[-1][1]:
                self.history.append((request.number, capacities))
                self._resize()

    def after(self, request: Request, reply: Reply | None) -> None:
        """Take note of who answered `request`."""
        tier = len(self.names) - 1
        if reply is not None:
            tier = self.names.index(reply.tier)
            self.answered_by[request.number] = tier
        if not self._shadows:
            return
        first, end = self.trace.bounds[request.number], self.trace.bounds[request.number + 1]
        in_pages = (end - first) * (self.trace.page_tokens or 0)
        if request.content:
            # Some of the prompt the pages would have spared.
            prompt = (request.prompt_tokens or in_pages) * (1 - self._divider.hit_ratios[-1])
            worth = prompt + self._divider.output_weight * request.output_tokens
            for number, shadow in enumerate(self._shadows[: tier + 1]):
                self._seen[number].append(_answering(shadow, request))
                self._worth[number] += worth
        if reply is None:
            self._seen[-1] += self.trace.pages[first:end].tolist()
            self._worth[-1] += in_pages

    def resizes(self, start: int) -> Resizes:
        """How often a part changed, and turned, from request `start` on."""
        parts = [Resizes() for _ in self.names]
        for (_, before), (request, after) in itertools.pairwise(self.history):
            for part, *change in zip(parts, before, after, strict=True):
                if request >= start:
                    part.note(*change)
        return Resizes(sum(part.changes for part in parts), sum(part.reversals for part in parts))

    @property
    def pages(self) -> list[tuple[int, int]]:
        """From which request on, and how many pages there may be."""
        return [(request, shares[-1] // self._units[-1]) for request, shares in self.history]

    def _resize(self) -> None:
        *shares, _ = self.history[-1][1]
        for tier, unit, most, share in zip(self.caches.tiers, self._units, self._most, shares, strict=False):
            tier.resize(min(share // unit, most))

    def _forget(self) -> None:
        # Since the last decision, by part: which entries or pages were asked for, and the tokens in that.
        self._seen: list[list[int]] = [[] for _ in self.names]
        self._worth = [0.0] * len(self.names)


def make_divider(trace: Trace, stack: Stack, sizing: Sizing, budget: int, page_bytes: int) -> Divider:
    """What divides `budget`; the arguments are those of `Division`. Raises SizingError for what cannot be divided."""
    for tier in stack.tiers:
        if "capacity" in tier.given:
            raise SizingError(f"sizing {sizing.label}: the {tier.name} tier has a capacity of its own; leave it out")
        check_resizable(online(tier.params["policy"]))
    units = _units(trace, stack, page_bytes)
    numbers = [trace.n_requests] * len(stack.tiers) + [trace.n_pages]
    weights = [np.broadcast_to(np.int64(unit), n) for unit, n in zip(units, numbers, strict=True)]
    divider = sizing.start_division(budget, len(units), weights)
    moves = divider.period < trace.n_requests
    least = [budget // STEPS] * len(units) if moves else divider.capacities
    for name, unit, share in zip([*(tier.name for tier in stack.tiers), "pages"], units, least, strict=True):
        if share < unit:
            what = f"may be left {share} bytes, and one {'page' if name == 'pages' else 'entry'} takes {unit}"
            raise SizingError(f"sizing {sizing.label}: of {budget} bytes {name} {what}; divide more")
    return divider


def _units(trace: Trace, stack: Stack, page_bytes: int) -> list[int]:
    """Bytes of an entry of each tier, and of a page."""
    return [*(entry_bytes(trace, tier) for tier in stack.tiers), page_bytes]


def _answering(shadow: Tier, request: Request) -> int:
    """The number of the request whose answer `shadow` gives; its own where it has none yet."""
    found = shadow.lookup(request)
    if found.entry is not None:
        return found.entry.value.request.number
    shadow.insert(request)
    return request.number


def entry_bytes(trace: Trace, tier: TierSpec) -> int:
    """What an entry takes, modelled."""
    tokens = [column.mean() for column in (prompt_tokens(trace), trace.output_tokens) if column is not None]
    return round(_BYTES_PER_TOKEN * (float(sum(tokens)) + tier.dimensions)) + _BOOKKEEPING
