"""A question as the engine takes it, and what it gives back: who answers, pieces of text, an end."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kvreplay.simulator.backends.model.sampling import Choose, Sampler, greedy
from kvreplay.simulator.caches import Request


@dataclass(frozen=True)
class Question:
    """A prompt and how it wants to be answered."""

    prompt: np.ndarray  # (n,) int64 tokens
    text: str  # what is asked in the end, by which the semantic cache compares; caches pass a blank one by
    most: int  # tokens of the answer
    tenant: str = ""
    before: str = ""  # what was said before that: the semantic cache answers only behind the same
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False

    @property
    def repeatable(self) -> bool:
        """Whether asking again gives the same answer, so that it may be kept."""
        return self.temperature == 0 or self.seed is not None

    @property
    def choose(self) -> Choose:
        if self.temperature == 0:
            return greedy
        seed = self.seed if self.seed is not None else int(np.random.SeedSequence().generate_state(1, np.uint64)[0])
        return Sampler(seed % 2**64, self.temperature, self.top_p)

    def request(self, number: int, now: float) -> Request:
        """As a cache meets it: of a tenant of its own for every way to answer, so that no answer serves another way."""
        drawn = (self.temperature, self.top_p, self.seed) if self.temperature else ()
        way = hashlib.sha256(repr((self.before, self.most, self.stop, self.ignore_eos, drawn)).encode()).hexdigest()
        return Request(
            number,
            now,
            content=self.prompt.astype("<u4").tobytes() if self.text.strip() else b"",
            text=self.text,
            tenant=f"{self.tenant}/{way}",
            prompt_tokens=len(self.prompt),
        )


class Started(NamedTuple):
    """The first that is told of a question: by whom it is answered."""

    answered_by: str  # exact, semantic, prefix or model
    cached_tokens: int  # of the prompt, not computed
    similarity: float | None = None  # cosine to the question whose answer is given, where that is another one


class Piece(NamedTuple):
    """Some of the answer's text, which may be none where its characters are not yet complete."""

    text: str


class Ended(NamedTuple):
    """The last that is told of a question that was answered."""

    reason: str  # stop or length
    tokens: int  # generated


Event = Started | Piece | Ended | Exception


class Answer(NamedTuple):
    """What caches keep."""

    text: str
    ended: Ended
