"""The sequences of a replica that decode, as sums: a step takes the same time to simulate for one as for a thousand.

Each of them gains one token a step. So what they read grows by their number every step, a sequence ends at a step that
is known when it starts, and it needs another page at every step of one residue modulo the page size.
"""

from __future__ import annotations

import heapq

from .requests import Request


class Decoding:
    """Sequences that decode, in pages of `page_tokens` tokens."""

    def __init__(self, page_tokens: int) -> None:
        self.count = 0
        self.context = 0  # tokens that all of them read in the next step
        self._step = 0  # steps done since the start
        self._ends: list[tuple[int, int, Request]] = []  # heap of (step, rank, request); stale where it was removed
        self._page_tokens = page_tokens
        self._due = [0] * page_tokens  # sequences that need a page in the steps of each residue

    def add(self, request: Request) -> None:
        """Let a request decode that has all its tokens but the last generated one in the KV cache."""
        cached = request.target - 1
        request.finish = self._step + request.output - request.generated
        self.count += 1
        self.context += cached + 1
        self._due[(self._step - cached) % self._page_tokens] += 1
        heapq.heappush(self._ends, (request.finish, request.rank, request))

    def remove(self, request: Request) -> None:
        """Take out one that ended or is preempted; `generated` then counts what it generated."""
        request.generated = request.output - (request.finish - self._step)
        request.finish = 0
        cached = request.target - 1
        self.count -= 1
        self.context -= cached + 1
        self._due[(self._step - cached) % self._page_tokens] -= 1

    def steps_left(self) -> int:
        """Steps until the first of them ends; there must be one."""
        while self._ends[0][2].finish != self._ends[0][0]:
            heapq.heappop(self._ends)
        return self._ends[0][0] - self._step

    def pages_due(self, steps: int) -> int:
        """Pages that the next `steps` steps need."""
        rounds, rest = divmod(steps, self._page_tokens)
        start = self._step % self._page_tokens
        end = start + rest
        due = sum(self._due[start:end]) + sum(self._due[: max(end - self._page_tokens, 0)])
        return rounds * self.count + due

    def advance(self, steps: int) -> list[Request]:
        """Do `steps` steps, and remove and return the requests that ended with the last; none ends before."""
        self._step += steps
        self.context += steps * self.count
        ended = []
        while self._ends and (self._ends[0][0] <= self._step or self._ends[0][2].finish != self._ends[0][0]):
            finish, _, request = heapq.heappop(self._ends)
            if request.finish == finish:
                self.remove(request)
                ended.append(request)
        return ended
