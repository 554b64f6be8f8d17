"""What a server has done, as Prometheus reads it. Figures are of all tenants together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from kvreplay.simulator.backends.metrics import Metric, counter, gauge, of_pool, of_prefix_cache

if TYPE_CHECKING:
    from .engine import Engine

TIERS = ("exact", "semantic", "prefix", "model")
FAILURES = ("queue_full", "timeout", "client_gone", "unavailable")


@dataclass
class Figures:
    """Counts since the engine was made; only its thread writes them, but `failed`, which is written under a lock."""

    answered: Counter[str] = field(default_factory=Counter)  # by tier
    failed: Counter[str] = field(default_factory=Counter)  # by why
    prompt_tokens: int = 0  # of what was answered or begun
    cached_tokens: int = 0  # of these
    completion_tokens: int = 0
    first_tokens: int = 0
    first_token_seconds: float = 0.0  # from the question to the first token, added up


def of_engine(engine: Engine) -> Iterator[Metric]:
    """Requests and tokens, what waits and runs, and the pages of the pool and the prefix cache."""
    figures, decoder = engine.figures, engine.decoder
    for tier in TIERS:
        yield counter("requests", "Requests begun, by who answers", figures.answered[tier], answered_by=tier)
    for why in FAILURES:
        yield counter("requests_failed", "Requests without an answer", figures.failed[why], reason=why)
    yield gauge("requests_running", "Requests being decoded", len(decoder.running))
    yield gauge("requests_open", "Requests taken and not yet ended, those running among them", engine.open)
    yield counter("prompt_tokens", "Prompt tokens of requests begun", figures.prompt_tokens)
    yield counter("cached_prompt_tokens", "Prompt tokens that were not computed", figures.cached_tokens)
    yield counter("completion_tokens", "Tokens of answers that ended", figures.completion_tokens)
    yield counter("first_tokens", "First tokens told", figures.first_tokens)
    yield counter("first_token_seconds", "Time to the first tokens, added up", figures.first_token_seconds)
    stats = decoder.stats
    yield counter("decode_steps", "Runs of the model that decode", stats.steps)
    yield counter("drafted_tokens", "Tokens drafted", stats.drafted)
    yield counter("accepted_tokens", "Of these, accepted", stats.accepted)
    yield counter("preemptions", "Requests that gave their pages up for a while", stats.preemptions)
    for tier in engine.caches.tiers:
        held = tier.stats()
        yield gauge("cached_answers", "Answers held", held["entries"], tier=tier.name)
        yield counter("evicted_answers", "Answers that left for others", held["evictions"], tier=tier.name)
    yield from of_pool(decoder.paged.pool)
    yield from of_prefix_cache(decoder.paged.sequences.cache)
