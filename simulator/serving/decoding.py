"""The sequences of a replica that decode, as sums: a step takes the same time to simulate for one as for a thousand.

Those that gain as many tokens a step, one without speculation, are summed together. All of them have gained the same
since a step that they share, gain x steps in whole tokens. So a sequence ends at a step that is known when it starts,
and needs another page at every token of one residue modulo the page size. What it reads grows by `gain` a step, parts
of tokens included: so a step takes as long whether it is done alone or among others.

The last step of a sequence may gain more tokens than it asks for, of drafts that are accepted: they take pages until
that step is over.
"""

from __future__ import annotations

import heapq
import math

from .requests import Request


class Decoding:
    """Sequences that decode, in pages of `page_tokens` tokens."""

    def __init__(self, page_tokens: int) -> None:
        self.count = 0
        self._steps = 0  # done since the start
        self._context = 0  # tokens that all of them would have read in the first
        self._page_tokens = page_tokens
        self._groups: dict[float, _Alike] = {}  # by what they gain a step; none of them is empty

    @property
    def gain(self) -> float:
        """Tokens that all of them gain a step."""
        return sum([gain * group.count for gain, group in self._groups.items()])

    @property
    def context(self) -> float:
        """Tokens that all of them read in the next step."""
        return self._context + self._steps * self.gain

    def add(self, request: Request) -> None:
        """Let a request decode that has all its tokens but the last generated one in the KV cache."""
        if request.gain not in self._groups:
            self._groups[request.gain] = _Alike(request.gain, self._steps, self._page_tokens)
        self._groups[request.gain].add(request)
        self.count += 1
        self._context += request.prompt + request.output - request.finish

    def remove(self, request: Request) -> None:
        """Take out one that ended or is preempted; `generated` then counts what it generated."""
        self.count -= 1
        self._context -= request.prompt + request.output - request.finish
        group = self._groups[request.gain]
        group.remove(request)
        if not group.count:
            del self._groups[request.gain]

    def steps_left(self) -> int:
        """Steps until the first of them ends; there must be one."""
        return min([group.steps_left() for group in self._groups.values()])

    def pages_due(self, steps: int) -> int:
        """Pages that the next `steps` steps need."""
        due = 0
        for group in self._groups.values():
            due += group.pages_due(steps)
        return due

    def advance(self, steps: int) -> tuple[int, list[Request]]:
        """Do `steps` steps, and remove the requests that end with the last; none ends before.

        Returns the tokens that all of them have generated, and those that ended.
        """
        self._steps += steps
        generated = 0
        ended: list[Request] = []
        for group in self._groups.values():
            generated += group.advance(steps, ended)
        for request in ended:
            self.remove(request)
            generated -= request.generated - request.output  # of drafts that are accepted but not asked for
        return generated, sorted(ended, key=lambda request: request.rank)


class _Alike:
    """Sequences that gain `gain` tokens a step, where `steps` steps are done."""

    def __init__(self, gain: float, steps: int, page_tokens: int) -> None:
        self.count = 0
        self._gain, self._steps, self._page_tokens = gain, steps, page_tokens
        self._tokens = math.floor(gain * steps)  # that one has gained which decodes since the start
        self._ends: list[tuple[int, int, Request]] = []  # heap of (token, rank, request); stale where it was removed
        self._due = [0] * page_tokens  # sequences that need a page at the tokens of each residue

    def add(self, request: Request) -> None:
        cached = request.target - 1
        request.finish = self._tokens + request.output - request.generated
        self.count += 1
        self._due[(self._tokens - cached) % self._page_tokens] += 1
        heapq.heappush(self._ends, (request.finish, request.rank, request))

    def remove(self, request: Request) -> None:
        request.generated = request.output - (request.finish - self._tokens)
        request.finish = 0
        cached = request.target - 1
        self.count -= 1
        self._due[(self._tokens - cached) % self._page_tokens] -= 1

    def steps_left(self) -> int:
        while self._ends[0][2].finish != self._ends[0][0]:
            heapq.heappop(self._ends)
        left = self._ends[0][0] - self._tokens
        steps = max(math.ceil(self._ends[0][0] / self._gain) - self._steps - 1, 1)  # rounding may put it one off
        while self._tokens_in(steps) < left:
            steps += 1
        return steps

    def _tokens_in(self, steps: int) -> int:
        """Tokens that each gains in the next `steps` steps."""
        return math.floor(self._gain * (self._steps + steps)) - self._tokens

    def pages_due(self, steps: int) -> int:
        tokens = self._tokens_in(steps)
        rounds, rest = divmod(tokens, self._page_tokens)
        start = self._tokens % self._page_tokens
        end = start + rest
        due = sum(self._due[start:end]) + sum(self._due[: max(end - self._page_tokens, 0)])
        return rounds * self.count + due

    def advance(self, steps: int, ended: list[Request]) -> int:
        """Do `steps` steps, append those that ended to `ended`, and return the tokens that all gained."""
        tokens = self._tokens_in(steps)
        self._steps += steps
        self._tokens += tokens
        while self._ends and (self._ends[0][0] <= self._tokens or self._ends[0][2].finish != self._ends[0][0]):
            finish, _, request = heapq.heappop(self._ends)
            if request.finish == finish:
                ended.append(request)
        return tokens * self.count
