"""The engine: one thread that takes questions, lets them meet the tiers, and decodes what no cache answers."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue

from kvreplay.simulator.backends.model import Decoder, Language
from kvreplay.simulator.backends.model.decoder import Request as Decoding
from kvreplay.simulator.caches import CacheError, HybridCache, Request
from kvreplay.simulator.caches.hybrid import Reply

from .errors import ServerError, busy, timed_out, unavailable
from .metrics import Figures
from .question import Answer, Ended, Event, Piece, Question, Started
from .text import TextStream

_RETRY_SECONDS = 1


@dataclass(eq=False, slots=True)
class Job:
    """A question on its way, and whom to tell of it."""

    question: Question
    deliver: Callable[[Event], object]  # called from the engine's thread
    decoding: Decoding
    since: float  # monotonic seconds
    text: TextStream
    request: Request | None = None  # by which its answer will be kept
    told: int = 0  # tokens of the output
    said: str = ""


class Engine:
    """Answers questions by `caches`, else by `decoder`, whose model speaks `language`, in a thread of its own.

    Up to `queue` questions wait for those that are decoded; a question that takes longer than `timeout` seconds fails.
    """

    def __init__(
        self, language: Language, decoder: Decoder, caches: HybridCache, *, queue: int = 64, timeout: float = 120.0
    ) -> None:
        self.language, self.decoder, self.caches = language, decoder, caches
        self.most_open, self.timeout = decoder.at_once + queue, timeout
        self.figures = Figures()
        self.open = 0  # questions taken and not yet ended
        self._commands: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()  # of what follows, of `open` and of failures
        self._refusal = ""  # why new questions are not taken, once closed or broken
        self._closing = self._broken = False
        self._jobs: dict[Decoding, Job] = {}
        self._asked = 0
        self._thread = threading.Thread(target=self._run, name="kvreplay-engine", daemon=True)
        self._thread.start()

    def submit(self, question: Question, deliver: Callable[[Event], object]) -> Job:
        """Have `question` answered; `deliver` gets Started, Pieces and Ended, or an exception in place of any of them.

        Raises ServerError where the queue is full, nothing more is taken, or the question can never be answered.
        """
        stop = None if question.ignore_eos else self.language.stop
        decoding = Decoding(question.prompt, question.most, stop, question.tenant, question.choose)
        try:
            self.decoder.check(decoding)
        except ValueError as error:  # ModelError, PageError
            raise ServerError(str(error), code="context_length_exceeded", param="max_tokens") from None
        text = TextStream(self.language.bytes_of, question.stop)
        job = Job(question, deliver, decoding, time.monotonic(), text)
        with self._lock:
            try:
                self.check_open()
                if self.open >= self.most_open:
                    raise busy(_RETRY_SECONDS)
            except ServerError as refusal:
                self.figures.failed[str(refusal.code)] += 1
                raise
            self.open += 1
        self._commands.put(partial(self._start, job))
        return job

    def cancel(self, job: Job) -> None:
        """Nobody waits for `job` any more: give up its pages. Nothing happens where it has ended."""
        self._commands.put(partial(self._cancel, job))

    def close(self) -> None:
        """Take no more questions, answer those taken, and end the thread."""
        self._refuse("the server is shutting down; try again later")
        self._commands.put(self._close)
        self._thread.join()

    def check_open(self) -> None:
        """Raises ServerError where no questions are taken any more."""
        if self._refusal:
            raise unavailable(self._refusal)

    def _run(self) -> None:
        while self._jobs or not self._closing:
            try:
                self._obey()
                if self._jobs:
                    self._step()
            except Exception as error:  # a bug, or memory: what pages and caches hold is not to be trusted any more
                logging.getLogger(__name__).exception("the engine stopped")
                self._broken = True
                self._refuse(f"the engine stopped ({type(error).__name__}); restart the server")
                for job in list(self._jobs.values()):
                    self._fail(job, unavailable(self._refusal))

    def _obey(self) -> None:
        """Do what was asked for meanwhile, and wait for something where nothing runs."""
        try:
            while True:
                self._commands.get(block=not (self._jobs or self._closing))()
        except Empty:
            return

    def _start(self, job: Job) -> None:
        self._jobs[job.decoding] = job
        if self._broken:
            self._fail(job, unavailable(self._refusal))
            return
        reply = self._lookup(job)
        if reply is None:
            self.decoder.submit(job.decoding)
            return
        answer: Answer = reply.found.answer
        similarity = reply.found.score if reply.tier == "semantic" else None
        self._begin(job, Started(reply.tier, len(job.question.prompt), similarity))
        job.deliver(Piece(answer.text))
        self._end(job, answer.ended)

    def _begin(self, job: Job, started: Started) -> None:
        self.figures.answered[started.answered_by] += 1
        self.figures.prompt_tokens += len(job.question.prompt)
        self.figures.cached_tokens += started.cached_tokens
        self.figures.first_tokens += 1
        self.figures.first_token_seconds += time.monotonic() - job.since
        job.deliver(started)

    def _lookup(self, job: Job) -> Reply | None:
        """What the caches answer; where it is nothing, and may be kept, `job.request` is set."""
        if not job.question.repeatable:
            return None
        self._asked += 1
        request = job.question.request(self._asked, time.monotonic())
        try:
            reply = self.caches.lookup(request)
        except CacheError:  # a prompt that the embedder refuses
            return None
        job.request = request if reply is None else None
        return reply

    def _step(self) -> None:
        ended = set(self.decoder.step())
        now = time.monotonic()
        for job in list(self._jobs.values()):
            self._tell(job, job.decoding in ended)
            if job.decoding in self._jobs and now > job.since + self.timeout:
                self.decoder.cancel(job.decoding)
                self._fail(job, timed_out(self.timeout))

    def _tell(self, job: Job, ended: bool) -> None:
        """Deliver what the last step brought."""
        output = job.decoding.output
        if job.told == len(output):
            return
        if job.told == 0:
            cached = job.decoding.cached or 0
            self._begin(job, Started("prefix" if cached else "model", cached))
        piece = job.text.add(output[job.told :], last=ended)
        job.told = len(output)
        job.said += piece
        job.deliver(Piece(piece))
        if job.text.stopped and not ended:
            self.decoder.cancel(job.decoding)
        if ended or job.text.stopped:
            stopped = job.text.stopped or output[-1] == job.decoding.stop
            self._end(job, Ended("stop" if stopped else "length", len(output)))

    def _end(self, job: Job, ended: Ended) -> None:
        if job.request is not None:
            self.caches.insert(job.request, Answer(job.said, ended))
        self.figures.completion_tokens += ended.tokens
        self._forget(job)
        job.deliver(ended)

    def _fail(self, job: Job, error: ServerError) -> None:
        self._forget(job, str(error.code))
        job.deliver(error)

    def _cancel(self, job: Job) -> None:
        if job.decoding in self._jobs:
            self.decoder.cancel(job.decoding)
            self._forget(job, "client_gone")

    def _forget(self, job: Job, failure: str | None = None) -> None:
        del self._jobs[job.decoding]
        with self._lock:
            self.open -= 1
            if failure is not None:
                self.figures.failed[failure] += 1

    def _refuse(self, why: str) -> None:
        with self._lock:
            self._refusal = why

    def _close(self) -> None:
        self._closing = True
