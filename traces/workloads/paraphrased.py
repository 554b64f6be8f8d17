"""Many intents, each asked in ever other words: what a semantic cache is for."""

from __future__ import annotations

import numpy as np

from ..trace import Trace
from .arrivals import Arrival
from .knobs import Count, Drift, PageTokens, Requests, Seed, Share, Skew
from .lengths import Length
from .popularity import Popularity, drifted
from .text_domains import intents as all_intents
from .text_questions import choose, wordings
from .text_trace import build, content


def paraphrased(
    *,
    requests: Requests = 5_000,
    intents: Count = 300,
    skew: Skew = 0.8,
    verbatim_share: Share = 0.05,
    drift: Drift = 0.0,
    arrival: Arrival | None = Arrival(rate=2.0),
    output: Length = Length(mean=150, cv=0.8),
    tokenizer: str = "words",
    page_tokens: PageTokens = 16,
    seed: Seed = 0,
) -> Trace:
    """`intents` intents of Zipf popularity, among them opposites and near misses in almost the same words.

    A request repeats a former wording of its intent with probability `verbatim_share`; the rest are new
    wordings, of which a typical intent has some thousands. Raises TraceError where there are not so many
    intents.
    """
    rng = content(seed)
    chosen = choose(all_intents(), intents, rng)
    asked = drifted(Popularity(intents, skew).sample(rng, requests), intents, 0, requests, drift)
    return build(
        "paraphrased",
        wordings(chosen, asked, verbatim_share, rng),
        asked.astype(np.int32),
        arrival=arrival,
        output=output,
        tokenizer=tokenizer,
        page_tokens=page_tokens,
        seed=seed,
    )
