"""Prompts that have little to do with each other: what no cache helps with."""

from __future__ import annotations

import numpy as np

from ..errors import TraceError
from ..trace import Trace
from .arrivals import Arrival
from .knobs import PageTokens, Requests, Seed, Share
from .lengths import Length
from .text_domains import combinations
from .text_topics import FAMILIES
from .text_trace import build, content


def diverse(
    *,
    requests: Requests = 5_000,
    verbatim_share: Share = 0.02,
    arrival: Arrival | None = Arrival(rate=2.0),
    output: Length = Length(mean=300, cv=1.0),
    tokenizer: str = "words",
    page_tokens: PageTokens = 16,
    seed: Seed = 0,
) -> Trace:
    """Tasks of many kinds on many topics, each an intent of its own and, mostly, asked only once.

    A request repeats any former one verbatim with probability `verbatim_share`. Raises TraceError where the
    requests need more different prompts than there are (58,000).
    """
    rng = content(seed)
    prompts = _prompts(rng)
    repeats = rng.random(requests) < verbatim_share
    repeats[0] = False
    number = np.cumsum(~repeats) - 1  # prompts asked before, at each request that asks a new one
    if number[-1] >= len(prompts):
        needed = number[-1] + 1
        raise TraceError(f"{needed} different prompts needed, there are {len(prompts)}", mend="lower requests")
    former = (rng.random(requests) * np.arange(requests)).astype(np.int64)  # any request before each one
    asked = number.copy()
    for request in np.flatnonzero(repeats):
        asked[request] = asked[former[request]]
    return build(
        "diverse",
        [prompts[i] for i in asked],
        asked.astype(np.int32),
        arrival=arrival,
        output=output,
        tokenizer=tokenizer,
        page_tokens=page_tokens,
        seed=seed,
    )


def _prompts(rng: np.random.Generator) -> list[str]:
    """All prompts in random order, every kind of task equally often until it runs out."""
    prompts, places = [], []
    for family, endings in FAMILIES:
        tasks = [family.templates[0].format_map(slots) for slots in combinations(family)]
        kind = [task + ending for task in tasks for ending in endings]
        prompts += kind
        places.append(rng.permutation(len(kind)) + rng.random(len(kind)))
    return [prompts[i] for i in np.argsort(np.concatenate(places), kind="stable")]
