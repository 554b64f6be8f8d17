"""A request on its way through a replica, and the order in which waiting ones are admitted."""

from __future__ import annotations

import heapq
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .memory import PagedMemory

if TYPE_CHECKING:
    from .arrivals import Handover

ORDERS = ("fcfs", "shortest-prompt", "priority", "prefix-aware")

_LOOKED_AT = 128  # waiting requests that prefix-aware compares; SGLang falls back to FCFS above as many


class Request:
    """What the scheduler knows of a request."""

    __slots__ = (
        *("number", "prompt", "output", "pages", "session", "priority", "gain"),
        *("rank", "computed", "lease", "kept", "generated", "finish", "handover", "arrives"),
    )

    def __init__(
        self, number: int, prompt: int, output: int, pages: np.ndarray, session: int, priority: int, gain: float = 1.0
    ) -> None:
        self.number = number
        self.prompt = prompt  # tokens
        self.output = output  # tokens
        self.pages = pages  # ids of the prompt's full pages
        self.session = session
        self.priority = priority  # the lowest goes first
        self.gain = gain  # tokens a step that decodes, on average
        self.rank = 0  # among all admissions of its replica
        self.computed = 0  # tokens in the KV cache, while it prefills
        self.lease: Any = None  # of memory, while it runs
        self.kept = 0  # of `pages`, those cached and pinned
        self.generated = 0  # tokens, up to when it began to wait
        self.finish = 0  # while it decodes: the token of its `Decoding` with which it ends
        self.handover: Handover | None = None  # of the replica that prefilled it, until another has its keys and values
        self.arrives = 0.0  # s, when the last byte brought for it is there

    @property
    def tokens(self) -> int:
        """Tokens in the KV cache at its end: the last one that is generated is not read any more."""
        return self.prompt + max(self.output - 1, 0)

    @property
    def target(self) -> int:
        """Tokens to prefill: after a preemption those generated before, too."""
        return self.prompt + self.generated


class Waiting(Protocol):
    """Requests that wait, in some order."""

    def __len__(self) -> int: ...

    def push(self, request: Request) -> None: ...

    def push_back(self, request: Request) -> None:
        """Take back one that was preempted."""
        ...

    def peek(self, memory: PagedMemory) -> Request:
        """The one to admit next; `pop` removes it."""
        ...

    def pop(self) -> Request: ...


def waiting_queue(order: str) -> Waiting:
    """An empty queue of one of ORDERS. Raises ValueError for any other."""
    if order not in ORDERS:
        raise ValueError(f"order {order!r} is unknown; use {', '.join(ORDERS)}")
    return {"fcfs": _FirstCome, "prefix-aware": _LongestPrefix}.get(order, lambda: _Smallest(order))()


class _FirstCome:
    def __init__(self) -> None:
        self._queue: deque[Request] = deque()

    def __len__(self) -> int:
        return len(self._queue)

    def push(self, request: Request) -> None:
        self._queue.append(request)

    def push_back(self, request: Request) -> None:
        self._queue.appendleft(request)

    def peek(self, memory: PagedMemory) -> Request:
        return self._queue[0]

    def pop(self) -> Request:
        return self._queue.popleft()


class _Smallest:
    """By prompt length or priority, the first come first among equals."""

    def __init__(self, order: str) -> None:
        self._by = "prompt" if order == "shortest-prompt" else "priority"
        self._heap: list[tuple[int, int, Request]] = []

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, request: Request) -> None:
        heapq.heappush(self._heap, (getattr(request, self._by), request.number, request))

    push_back = push

    def peek(self, memory: PagedMemory) -> Request:
        return self._heap[0][2]

    def pop(self) -> Request:
        return heapq.heappop(self._heap)[2]


class _LongestPrefix(_FirstCome):
    """The one of which most pages are cached, among the first in the queue (SGLang's longest prefix match)."""

    _best = 0

    def peek(self, memory: PagedMemory) -> Request:
        first = range(min(len(self._queue), _LOOKED_AT))
        self._best = max(first, key=lambda i: (memory.lookup(self._queue[i].pages)[0], -i))
        return self._queue[self._best]

    def pop(self) -> Request:
        request = self._queue[self._best]
        del self._queue[self._best]
        return request
