"""A few long system prompts shared by many users' questions: what a prefix cache is for."""

from __future__ import annotations

import numpy as np

from ..trace import Trace
from .arrivals import Arrival
from .knobs import Count, PageTokens, Requests, Seed, Share, Skew
from .lengths import Length
from .popularity import Popularity
from .text_domains import domains, intents
from .text_handbook import handbook
from .text_questions import choose, wordings
from .text_trace import build, content


def system_prompt(
    *,
    requests: Requests = 2_000,
    system_prompts: Count = 4,
    system_words: Count = 600,
    system_skew: Skew = 1.0,
    questions: Count = 40,
    skew: Skew = 0.8,
    verbatim_share: Share = 0.05,
    arrival: Arrival | None = Arrival(rate=2.0),
    output: Length = Length(mean=150, cv=0.8),
    tokenizer: str = "words",
    page_tokens: PageTokens = 16,
    seed: Seed = 0,
) -> Trace:
    """Each request is the handbook of a company's assistant and a customer's question from its trade.

    Handbooks have about `system_words` words and are Zipf-popular; under each, `questions` intents are asked
    as in `paraphrased`. One question to two companies is two intents: their rules differ. Raises TraceError
    where a trade has fewer questions.
    """
    rng = content(seed)
    trades = domains()
    prefixes, chosen = [], []
    for number in range(system_prompts):
        domain = trades[number % len(trades)]
        prefixes.append(handbook(domain, number // len(trades), system_words, rng))
        chosen += choose([intent for intent in intents() if intent.domain == domain.name], questions, rng)
    system = Popularity(system_prompts, system_skew).sample(rng, requests).astype(np.int64)
    question = Popularity(questions, skew).sample(rng, requests).astype(np.int64)
    asked = system * questions + question
    texts = [
        f"{prefixes[number]}\n\nCustomer: {wording}"
        for number, wording in zip(system, wordings(chosen, asked, verbatim_share, rng), strict=True)
    ]
    return build(
        "system_prompt",
        texts,
        asked.astype(np.int32),
        arrival=arrival,
        output=output,
        tokenizer=tokenizer,
        page_tokens=page_tokens,
        seed=seed,
    )
