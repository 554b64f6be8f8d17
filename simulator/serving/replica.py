"""One copy of the model: iteration-level continuous batching with chunked prefill and paged memory, as vLLM v1 has it.

Rules of vLLM (`vllm/v1/core/sched/scheduler.py`). A step has room for `max_num_batched_tokens`.
First every decoding sequence gets its token, and those drafted for it, then the prompt whose prefill is under way, then
waiting requests are admitted, each with as many of its tokens as still fit. Pages are taken as tokens come. Where a
decoding sequence finds none, the request that was admitted last is preempted: it gives up its pages and waits at the
front of the queue, to be computed again. None is admitted in such a step. A request is admitted only if its whole
prompt fits (pull request 37307), and leaves a `watermark` of free pages unless nothing else runs (44594). At most
prompt - 1 tokens are hit, in full pages; the full pages of a prompt can be hit as soon as they are scheduled.

What differs: generated tokens are not cached, for a trace does not say which prompt repeats them; a prompt's last page
that is computed again though it is cached takes no second page; a prefill that finds no pages is itself preempted,
whatever the order; pages are taken for the drafts that are accepted, not for all of them.

A step in which prompts are prefilled is an event. Steps that only decode are events together, as long as nothing is
admitted or ends and pages suffice: an arrival cuts them short.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import simpy

from .arrivals import Arrivals
from .cost import StepCost, arithmetic_sum, arithmetic_terms, attended
from .decoding import Decoding
from .fetching import Places
from .memory import PagedMemory
from .recorder import Recorder
from .requests import Request, waiting_queue
from .sized import SizedMemory
from .speculation import Speculation, target_of


@dataclass(frozen=True)
class Limits:
    """What one replica may do at once."""

    max_num_seqs: int
    max_num_batched_tokens: int  # at least those of max_num_seqs that decode
    watermark: int  # pages
    order: str


class Replica:
    """A server with its queue, a process in `env`. `ended` is called with every request that ends.

    Where there is a `hand_over`, it only prefills: it gives the first token, as SGLang's prefill servers do
    (`disaggregation/prefill.py`), and calls that with the request then.
    """

    def __init__(
        self,
        env: simpy.Environment,
        number: int,
        cost: StepCost | Speculation,
        memory: PagedMemory,
        page_tokens: int,
        limits: Limits,
        recorder: Recorder,
        ended: Callable[[Request], None],
        places: Places,
        hand_over: Callable[[Request], None] | None = None,
        sized: SizedMemory | None = None,
    ) -> None:
        self.number, self.memory = number, memory
        self.waiting = waiting_queue(limits.order)
        self.running: dict[Request, None] = {}  # in order of admission
        self._tokens_waiting = self._admissions = 0
        self._env, self._cost, self._limits, self._recorder, self._ended = env, cost, limits, recorder, ended
        self._hand_over, self._sized = hand_over, sized
        calls = (self._give_back, self._settle, self._wake)
        self.arrivals = Arrivals(env, number, cost, memory, page_tokens, places, recorder, *calls)
        self._arrives = 0.0  # when the last byte is there of what prompts being prefilled brought
        self._page_tokens = page_tokens
        self._decoding = Decoding(page_tokens)
        self._partial: Request | None = None  # whose prefill is under way
        self._started = 0.0  # the step, or the steps, under way
        self._pages_taken = 0  # for the tokens that these decode
        self._interruptible = False  # whether they are several
        self._decode_seconds = (0.0, 0.0)  # of the first of them, and how much longer each takes than the one before
        self._idle: simpy.Event | None = None  # set while there is nothing to do
        self._process = env.process(self._serve())

    @property
    def load(self) -> int:
        """Requests that wait or run."""
        return len(self.waiting) + len(self.running) + len(self.arrivals)

    @property
    def pages_held(self) -> int:
        """Pages in use, each counted once."""
        return self.memory.capacity - self.memory.available

    @property
    def pages_to_prefill(self) -> int:
        """Pages of waiting requests, and what is left of the one whose prefill is under way."""
        left = 0 if self._partial is None else self._partial.target - self._partial.computed
        return self._pages(self._tokens_waiting + left)

    def submit(self, request: Request) -> None:
        """Let a request wait. It must fit into the memory with all of its tokens."""
        self.waiting.push(request)
        self._tell(request, 1)
        self._tokens_waiting += request.target
        self._wake()

    def _wake(self) -> None:
        """There is something new to schedule."""
        if self._idle is not None:
            self._idle.succeed()
            self._idle = None
        elif self._interruptible:
            self._interruptible = False
            self._process.interrupt()

    def hits(self, request: Request) -> int:
        """Pages of `request` that are cached now."""
        self._settle()
        return self.memory.lookup(request.pages)[0]

    def _settle(self) -> None:
        """Take the pages that the steps under way have needed until now."""
        if self._interruptible:
            self._take_pages(self._steps_begun())

    def _serve(self) -> Generator[simpy.Event, Any, None]:
        env, decoding, cost, arrivals = self._env, self._decoding, self._cost, self.arrivals
        while True:
            if not (self.running or self.waiting or arrivals.loaded or arrivals.handed):
                yield self._nothing_to_do()
            self._started, self._pages_taken = env.now, 0
            while arrivals.handed and len(self.running) < self._limits.max_num_seqs:
                decoding.add(self._start(arrivals.handed.popleft()))
            preempted = self._make_room()
            prefilled, tokens, pairs = self._prefill(preempted)
            sequences, context, steps = decoding.count, decoding.context, 1
            if not (tokens or sequences):  # what waits needs memory that others hold, into which they load
                if (arrivals.loading or arrivals.leaving) and not arrivals.loaded:
                    yield self._nothing_to_do()
                continue
            if tokens:
                seconds, late = cost.step(tokens, pairs, sequences, context), self._arrives - env.now
                if late > 0:  # each layer waits for its part of what is brought; after the last comes one more
                    seconds = max(seconds, late + seconds / target_of(cost).model.layers)
                yield env.timeout(seconds)
            else:
                if not preempted:
                    steps = self._steps_alike()
                self._interruptible = steps > 1
                self._decode_seconds = cost.step(0, 0, sequences, context), decoding.gain * cost.token_read
                try:
                    yield env.timeout(arithmetic_sum(*self._decode_seconds, steps))
                except simpy.Interrupt:
                    steps = min(self._steps_begun(), steps)
                    seconds = arithmetic_sum(*self._decode_seconds, steps)
                    yield env.timeout(max(seconds - (env.now - self._started), 0.0))
                self._interruptible = False
            if steps > 1:
                self._take_pages(steps)
            generated, ended = decoding.advance(steps)
            generated += sum(request.output > 0 for request in prefilled)
            self._recorder.step(self, self._started, env.now, steps, tokens, sequences, generated)
            for request in ended:
                self._end(request, request.target - 1)
            for request in prefilled:
                self._prefilled(request)

    def _nothing_to_do(self) -> simpy.Event:
        self._idle = self._env.event()
        return self._idle

    def _steps_begun(self) -> int:
        """Of the decode steps under way, how many have begun."""
        return max(arithmetic_terms(*self._decode_seconds, self._env.now - self._started), 1)

    def _take_pages(self, steps: int) -> None:
        """Take the pages that the first `steps` of the decode steps under way need."""
        self._take(self._decoding.pages_due(steps))

    def _take(self, due: int) -> None:
        self.memory.take(due - self._pages_taken)
        self._pages_taken = due

    def _steps_alike(self) -> int:
        """Decode steps until one ends a sequence or finds too few pages, if nothing arrives."""
        enough, least = self._decoding.steps_left(), 1
        room = self.memory.available + self._pages_taken
        if self._decoding.pages_due(enough) <= room:
            return enough
        while enough - least > 1:
            middle = (least + enough) // 2
            if self._decoding.pages_due(middle) <= room:
                least = middle
            else:
                enough = middle
        return least

    def _tell(self, request: Request, change: int) -> None:
        """A request joins or leaves the queue: policies may spare what it will hit."""
        if self.memory.queue is not None:
            self.memory.queue[request.pages] += change

    def _make_room(self) -> bool:
        """Preempt requests until the others have pages for the next step, and take them; whether any was preempted."""
        preempted = False
        while (due := self._decoding.pages_due(1)) - self._pages_taken > self.memory.available:
            # The sequences in front take what there is before one finds nothing left.
            self._take(self._pages_taken + self.memory.available)
            if self._limits.order == "priority":
                self._preempt(max(self.running, key=lambda request: (request.priority, request.number)))
            else:
                self._preempt(next(reversed(self.running)))
            preempted = True
        self._take(due)
        return preempted

    def _prefill(self, preempted: bool) -> tuple[list[Request], int, float]:
        """Schedule prompt tokens of one step.

        Returns the requests of which all are now, how many tokens, and the (token, earlier token) pairs they attend to.
        """
        decoding = self._decoding.count * self._cost.sequence_tokens
        budget = left = self._limits.max_num_batched_tokens - decoding
        pairs, prefilled = 0.0, []
        while left:
            request = self._partial
            if request is None and not preempted:
                request = self._admit()
            if request is None:
                break
            tokens = min(left, request.target - request.computed)
            if not self._extend(request, tokens):
                self._preempt(request)
                break
            pairs += attended(request.computed - tokens, tokens)
            left -= tokens
            done = request.computed == request.target
            self._partial = None if done else request
            if done:
                prefilled.append(request)
        return prefilled, budget - left, pairs

    def _admit(self) -> Request | None:
        """Let the next request run, if there is one that may. Those that load pages first are passed over."""
        loaded = self.arrivals.loaded
        while len(self.running) < self._limits.max_num_seqs and (loaded or self.waiting):
            if loaded:
                self._arrives = max(self._arrives, loaded[0].arrives)
                return self._start(loaded.popleft())
            request = self.waiting.peek(self.memory)
            most = (request.target - 1) // self._page_tokens
            hits, idle = self.memory.lookup(request.pages[:most])
            needed = self._pages(request.target) - hits + idle  # a page that is hit is available no more
            if needed + (self._limits.watermark if self.running else 0) > self.memory.available:
                return None
            self.waiting.pop()
            self._tell(request, -1)
            self._tokens_waiting -= request.target
            request.lease = self.memory.lease(request.pages[:hits])
            request.kept = hits
            request.computed = hits * self._page_tokens
            if self._sized is not None:
                self._recorder.sized(request, self._sized.limit)
                self._sized.admitted(request.pages, hits)
            if not self.arrivals.bring(request, hits, most):
                return self._start(request)
        return None

    def _start(self, request: Request) -> Request:
        """Count it among those that run."""
        self._admissions += 1
        request.rank = self._admissions
        self.running[request] = None
        return request

    def _extend(self, request: Request, tokens: int) -> bool:
        """Schedule `tokens` more of a prompt, whose full pages are cached from now on; False where pages lack."""
        needed = self._pages(request.computed + tokens) - self._pages(request.computed)
        if needed > self.memory.available:
            return False
        self.memory.take(needed)
        request.computed += tokens
        self._recorder.prefilled(request, tokens)
        full = min(request.computed // self._page_tokens, len(request.pages))
        self.memory.keep(request.lease, request.pages[request.kept : full])
        request.kept = full
        return True

    def _prefilled(self, request: Request) -> None:
        places = self.arrivals.places
        places.tiers.store(request.pages.tolist(), self._env.now)
        if places.tiers.levels:
            self._recorder.stored(self._env.now, places.tiers.levels)
        if places.on_write:
            self.arrivals.send(request)
        if request.output:
            request.generated += 1
            self._recorder.token(request, self._env.now)
        if request.generated >= request.output:
            self._end(request, request.computed)
        elif self._hand_over is not None:
            self.arrivals.hand_over(request, self._pages(request.computed) - request.kept)
            del self.running[request]
            self._hand_over(request)
        else:
            self._decoding.add(request)

    def _preempt(self, request: Request) -> None:
        cached = request.computed
        if request is self._partial:
            self._partial = None
        elif request.finish:
            self._decoding.remove(request)
            cached = request.target - 1
        self._release(request, cached)
        self.waiting.push_back(request)
        self._tell(request, 1)
        self._tokens_waiting += request.target
        self._recorder.preempted(request)

    def _end(self, request: Request, cached: int) -> None:
        self._release(request, cached)
        self._recorder.ended(request, self._env.now)
        self._ended(request)

    def _release(self, request: Request, cached: int) -> None:
        """Give back the pages of a request that has `cached` tokens in memory."""
        self._give_back(request.lease, self._pages(cached) - request.kept)
        request.computed = request.kept = 0
        del self.running[request]

    def _give_back(self, lease: Any, taken: int) -> None:
        """Release what a request held of the memory, after which fewer pages may be cached."""
        self.memory.release(lease, taken)
        if self._sized is not None:
            self._sized.ended()

    def _pages(self, tokens: int) -> int:
        return -(-tokens // self._page_tokens)
