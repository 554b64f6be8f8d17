"""Decoding of many requests at once, a token of each a step, or several where drafts prove right.

Requests come and go between steps (continuous batching; Yu et al., "Orca", OSDI 2022). Where pages run out, the request
admitted last waits and is computed anew later. What is generated depends on neither.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from kvreplay.simulator.caches.pages import PageError, Sequence

from .llama import ModelError
from .lookup import lookup
from .paged import PagedModel
from .sampling import Choose, greedy


@dataclass(eq=False, slots=True)
class Request:
    """A prompt, and what has been generated behind it."""

    prompt: np.ndarray  # (n,) int64
    most: int  # tokens to generate
    stop: int | None = None  # the token at which it ends
    salt: str = ""  # of the tenant, who shares pages with no other
    choose: Choose = greedy
    output: list[int] = field(default_factory=list)
    cached: int | None = None  # tokens of the prompt that were in pages when it was first admitted
    sequence: Sequence | None = None  # while it runs: of all tokens but the last one generated

    @property
    def tokens(self) -> np.ndarray:
        """(n,) int64: prompt and output."""
        return np.concatenate([self.prompt, np.array(self.output, np.int64)])


@dataclass(slots=True)
class DecoderStats:
    """Figures since the decoder was made."""

    steps: int = 0  # runs of the model that decode; prefills are not counted
    generated: int = 0  # tokens, those that prefills gave included
    drafted: int = 0
    accepted: int = 0  # of the drafted
    preemptions: int = 0


class Decoder:
    """Up to `at_once` requests decoded together on `paged`, each until the token `stop` or as many as it may have.

    Not for several threads at once.
    """

    def __init__(self, paged: PagedModel, *, stop: int | None = None, at_once: int = 8) -> None:
        if at_once < 1:
            raise ModelError(f"decoder: {at_once} requests at once; give 1 or more")
        self.paged, self.stop, self.at_once = paged, stop, at_once
        self.waiting: deque[Request] = deque()
        self.running: list[Request] = []  # in order of admission
        self.stats = DecoderStats()

    def generate(self, prompts: Iterable[np.ndarray], most: int) -> list[np.ndarray]:
        """What follows each of the prompts, (n,) tokens: (m,) int64, m <= `most`, the stop token included.

        The next token is that of the largest logit. Raises as `check` does,
        before anything is decoded.
        """
        requests = [Request(np.asarray(prompt, np.int64), most, self.stop) for prompt in prompts]
        for request in requests:
            self.check(request)
        self.waiting += requests
        while self.waiting or self.running:
            self.step()
        return [np.array(request.output, np.int64) for request in requests]

    def submit(self, request: Request) -> None:
        """Have tokens generated for `request` by the steps to come. Raises as `check` does."""
        self.check(request)
        self.waiting.append(request)

    def cancel(self, request: Request) -> None:
        """Generate no more for `request`, which was submitted and has not ended, and give its pages up."""
        if request.sequence is None:
            self.waiting.remove(request)
        else:
            self._give_up(request)

    def step(self) -> list[Request]:
        """Admit whom there is room for, then decode once; the requests that ended, which are given up."""
        ended = self._admit()
        batch = [(request, np.array([request.output[-1], *self.draft(request)], np.int64)) for request in self.running]
        if not batch:
            return ended
        outputs = self.paged.run([(request.sequence, tokens) for request, tokens in batch if request.sequence])
        self.stats.steps += 1
        for (request, tokens), output in zip(batch, outputs, strict=True):
            chosen = request.choose(output.logits, len(request.output))
            right = tokens[1:] == chosen[:-1]
            accepted = int(right.argmin()) if not right.all() else len(right)
            self._keep(request, tokens[: accepted + 1], output.kv[: accepted + 1])
            if request.sequence is None:
                continue  # was preempted: this step never was
            self.stats.drafted += len(right)
            self.stats.accepted += accepted
            if self._append(request, chosen[: accepted + 1].tolist()):
                ended.append(request)
        return ended

    def draft(self, request: Request) -> np.ndarray:
        """(k,) tokens that may come next: here none."""
        return np.empty(0, np.int64)

    def check(self, request: Request) -> None:
        """Raises ModelError for tokens that the model refuses and where less than 1 is to be generated, and PageError
        where even the whole pool has too few pages."""
        self.paged.model.check(request.prompt)
        if request.most < 1:
            raise ModelError(f"decoder: {request.most} tokens to generate; give 1 or more")
        pages = -(-(len(request.prompt) + request.most) // self.paged.page_tokens)
        if pages > self.paged.pool.capacity:
            raise PageError(f"decoder: a request of {pages} pages, the pool has {self.paged.pool.capacity}; give more")

    def _admit(self) -> list[Request]:
        ended = []
        while self.waiting and len(self.running) < self.at_once:
            request = self.waiting[0]
            prefilled = self.paged.prefill(request.tokens, salt=request.salt)
            if prefilled is None:
                break
            self.waiting.popleft()
            request.sequence, logits = prefilled
            self.running.append(request)
            if request.cached is None:
                request.cached = request.sequence.prefix.hits * self.paged.page_tokens
            if self._append(request, request.choose(logits, len(request.output)).tolist()):
                ended.append(request)
        return ended

    def _keep(self, request: Request, tokens: np.ndarray, kv: Tensor) -> None:
        while request.sequence is not None and not self.paged.keep(request.sequence, tokens, kv):
            youngest = self.running[-1]
            self._give_up(youngest)
            self.waiting.appendleft(youngest)
            self.stats.preemptions += 1

    def _append(self, request: Request, tokens: list[int]) -> bool:
        """Add to the output; whether it ended."""
        tokens = tokens[: request.most - len(request.output)]
        if request.stop in tokens:
            tokens = tokens[: tokens.index(request.stop) + 1]
        request.output += tokens
        self.stats.generated += len(tokens)
        ended = len(request.output) == request.most or request.output[-1] == request.stop
        if ended:
            self._give_up(request)
        return ended

    def _give_up(self, request: Request) -> None:
        assert request.sequence is not None
        self.paged.sequences.finish(request.sequence)
        request.sequence = None
        self.running.remove(request)


class SpeculativeDecoder(Decoder):
    """A `Decoder` that verifies up to `length` drafted tokens a step, found by n-grams of up to `ngram` tokens.

    Leviathan et al., "Fast Inference from Transformers via Speculative Decoding", ICML 2023, with greedy choices:
    drafts are accepted as far as they are what would be chosen anyway. What is generated is that of `Decoder`.
    """

    def __init__(
        self, paged: PagedModel, *, stop: int | None = None, at_once: int = 8, length: int = 7, ngram: int = 3
    ) -> None:
        super().__init__(paged, stop=stop, at_once=at_once)
        self.length, self.ngram = length, ngram

    def draft(self, request: Request) -> np.ndarray:
        """(k,) tokens that followed the last ones where these stood before."""
        room = request.most - len(request.output) - 1  # the model itself says one more
        return lookup(request.tokens, self.ngram, min(self.length, room))
