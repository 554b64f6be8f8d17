"""A few questions, asked over and over in the same words: what an exact cache is for."""

from __future__ import annotations

import numpy as np

from ..trace import Trace
from .arrivals import Arrival
from .knobs import Count, Drift, PageTokens, Requests, Seed, Skew
from .lengths import Length
from .popularity import Popularity, drifted
from .text_domains import intents
from .text_questions import choose, roll
from .text_trace import build, content


def repetitive(
    *,
    requests: Requests = 5_000,
    questions: Count = 100,
    skew: Skew = 1.0,
    drift: Drift = 0.0,
    arrival: Arrival | None = Arrival(rate=2.0),
    output: Length = Length(mean=150, cv=0.8),
    tokenizer: str = "words",
    page_tokens: PageTokens = 16,
    seed: Seed = 0,
) -> Trace:
    """`questions` questions of different intent, each in one wording, asked with Zipf popularity.

    Raises TraceError where there are not so many questions.
    """
    rng = content(seed)
    prompts = [intent.wording(roll(rng)) for intent in choose(intents(), questions, rng)]
    asked = drifted(Popularity(questions, skew).sample(rng, requests), questions, 0, requests, drift)
    return build(
        "repetitive",
        [prompts[i] for i in asked],
        asked.astype(np.int32),
        arrival=arrival,
        output=output,
        tokenizer=tokenizer,
        page_tokens=page_tokens,
        seed=seed,
    )
