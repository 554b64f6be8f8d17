"""A server whose steps are computed: the rules of `serving.replica`, over a model, real pages and a real clock.

In a step every running request gets its next token, then waiting requests are admitted and their prompts computed, one
after the other and each as a whole. Where a running request finds no page, the one admitted last gives up its own and
waits in front, to be computed again; then none is admitted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor

from kvreplay.simulator.backends.model import PagedModel
from kvreplay.simulator.caches.pages import PagedSequences, Sequence
from kvreplay.simulator.serving.recorder import Recorder
from kvreplay.simulator.serving.requests import Request

from .prompts import Prompts


class Clock:
    """Seconds since it was made, by `timer`, and those that were idle, which nobody waited for."""

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer, self._start = timer, timer()

    @property
    def now(self) -> float:
        return self._timer() - self._start

    def idle_until(self, then: float) -> None:
        self._start -= max(then - self.now, 0.0)


class Server:
    """`paged` serves up to `most` requests at once. `ended` is called with every request that ends, and its answer."""

    number = 0  # it is the only replica

    def __init__(
        self,
        paged: PagedModel,
        prompts: Prompts,
        most: int,
        clock: Clock,
        recorder: Recorder,
        ended: Callable[[Request, np.ndarray], None],
    ) -> None:
        self.paged = paged
        self.waiting: deque[Request] = deque()
        self.running: dict[Request, Sequence] = {}  # in order of admission
        self.memory = Memory(paged.sequences, self.running)
        self._answers: dict[Request, list[int]] = {}  # as far as they are generated
        self._prompts, self._most, self._clock, self._recorder, self._ended = prompts, most, clock, recorder, ended

    @property
    def load(self) -> int:
        """Requests that wait or run."""
        return len(self.waiting) + len(self.running)

    def fits(self, request: Request) -> bool:
        """Whether the pages suffice for all tokens of `request`."""
        return -(-request.tokens // self.paged.page_tokens) <= self.paged.pool.capacity

    def submit(self, request: Request) -> None:
        """Let a request that fits wait."""
        self._answers[request] = []
        self.waiting.append(request)

    def step(self) -> None:
        """Compute a step; something must wait or run."""
        start = self._clock.now
        preempted = self._make_room()
        decoded = list(self.running)
        if decoded:
            self._decode(decoded)
        prefilled = [] if preempted else self._prefill()
        now = self._clock.now
        computed = sum(tokens for _, tokens in prefilled)
        generated = len(decoded) + sum(request.output > 0 for request, _ in prefilled)
        self._recorder.step(self, start, now, 1, computed, len(decoded), generated)
        for request, _ in prefilled:
            if request.output:
                self._recorder.token(request, now)
        for request in [*decoded, *(request for request, _ in prefilled)]:
            if request.generated >= request.output:
                self.paged.sequences.finish(self.running.pop(request))
                self._recorder.ended(request, now)
                self._ended(request, np.array(self._answers.pop(request), np.int64))

    def _make_room(self) -> bool:
        """Preempt requests until the others have pages for one token each; whether any was."""
        sequences, preempted = self.paged.sequences, False
        while True:
            due = sum(sequence.length % self.paged.page_tokens == 0 for sequence in self.running.values())
            if due <= sequences.available:
                return preempted
            sequences.cache.evict(sequences.cache.idle)  # taken by those in front, before one finds nothing left
            request, sequence = self.running.popitem()
            sequences.finish(sequence)
            self.waiting.appendleft(request)
            self._recorder.preempted(request)
            preempted = True

    def _decode(self, requests: list[Request]) -> None:
        batch = [(self.running[request], np.array(self._answers[request][-1:], np.int64)) for request in requests]
        for request, (sequence, tokens), output in zip(requests, batch, self.paged.run(batch), strict=True):
            kept = self.paged.keep(sequence, tokens, output.kv)
            assert kept
            self._say(request, output.logits)

    def _prefill(self) -> list[tuple[Request, int]]:
        """Admit whom there is room for; each, and how many tokens were computed."""
        prefilled = []
        while self.waiting and len(self.running) < self._most:
            request = self.waiting[0]
            given = self._prompts.tokens(request.number, request.prompt)
            prompt = np.concatenate([given, np.array(self._answers[request], np.int64)])
            admission = self._clock.now
            admitted = self.paged.prefill(prompt, pages=request.pages)
            if admitted is None:
                break
            self.waiting.popleft()
            self.running[request], logits = admitted
            hits = self.running[request].prefix.hits * self.paged.page_tokens
            self._recorder.admitted(request, admission, hits)
            self._recorder.prefilled(request, len(prompt) - hits)
            self._say(request, logits)
            prefilled.append((request, len(prompt) - hits))
        return prefilled

    def _say(self, request: Request, logits: Tensor) -> None:
        """The most likely token follows."""
        if request.output:
            self._answers[request].append(int(logits[-1].argmax()))
            request.generated += 1


class Memory:
    """The pages of a server with these sequences `running`, in the figures of `serving.memory.PagedMemory`."""

    def __init__(self, sequences: PagedSequences, running: Mapping[Request, Sequence]) -> None:
        self._sequences, self._running = sequences, running

    @property
    def capacity(self) -> int:
        return self._sequences.pool.capacity

    @property
    def available(self) -> int:
        return self._sequences.available

    @property
    def pinned(self) -> int:
        return self._sequences.cache.stats().pinned

    @property
    def leased(self) -> int:
        return sum(sequence.prefix.held for sequence in self._running.values())

    @property
    def idle(self) -> int:
        return self._sequences.cache.idle
