"""The common end of every workload with text: prompts become tokens, pages, arrivals and answer lengths."""

from __future__ import annotations

import numpy as np

from ..builder import TraceBuilder
from ..text_batch import text_batch
from ..trace import Trace
from .arrivals import Arrival
from .lengths import Length
from .streams import streams

_CHUNK = 4096  # prompts tokenized at a time


def content(seed: int) -> np.random.Generator:
    """The stream that decides what is asked; `build` draws from others of the same seed."""
    return streams(seed, 3)[0]


def build(
    name: str,
    texts: list[str],
    intent: np.ndarray,
    *,
    arrival: Arrival | None,
    output: Length,
    tokenizer: str,
    page_tokens: int,
    seed: int,
) -> Trace:
    """The trace of prompts `texts` with their intents (R,), pages known by the tokens of the text."""
    _, clock, answers = streams(seed, 3)
    output_tokens = output.sample(answers, len(texts))
    times, client = (None, None) if arrival is None else arrival.sample(clock, len(texts))
    with TraceBuilder() as builder:
        for start in range(0, len(texts), _CHUNK):
            part = slice(start, start + _CHUNK)
            builder.add(
                text_batch(
                    texts[part],
                    tokenizer,
                    page_tokens,
                    arrival=None if times is None else times[part],
                    output_tokens=output_tokens[part],
                    session=None if client is None else client[part],
                    intent=intent[part],
                )
            )
        return builder.finish(name, page_tokens=page_tokens)
