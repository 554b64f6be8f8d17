"""Real questions, asked again and again: traffic over a set of questions whose intents are known."""

from __future__ import annotations

import numpy as np

from ..errors import TraceError
from ..trace import Trace
from .arrivals import Arrival
from .knobs import Drift, PageTokens, Requests, Seed, Share, Skew
from .lengths import Length
from .popularity import Popularity, drifted
from .text_trace import build, content


def questions(
    *,
    source: str,
    requests: Requests = 5_000,
    skew: Skew = 0.8,
    out_of_scope: Share | None = None,
    drift: Drift = 0.0,
    arrival: Arrival | None = Arrival(rate=2.0),
    output: Length = Length(mean=150, cv=0.8),
    tokenizer: str = "words",
    page_tokens: PageTokens = 16,
    seed: Seed = 0,
) -> Trace:
    """Questions of `source`, a file that the format `questions` reads or its catalogue name, by Zipf over intents.

    Which intents are popular is up to the seed; each question of an intent is as likely as the others, so that
    repeats in the same words come as they may. `out_of_scope` is the share of requests that ask, uniformly, one of
    the questions without an intent, each of which counts as an intent of its own; by default their share of the
    file. Raises TraceError where the file cannot be read or has no such questions.
    """
    # Late: kvreplay.traces offers the workloads, and this one asks it for a trace.
    from .. import load

    asked = load(source, "questions")
    assert asked.intent is not None
    # The questions of intent i are by_intent[first[i]:first[i + 1]].
    by_intent = np.argsort(asked.intent, kind="stable")
    first = np.append(0, np.cumsum(np.bincount(asked.intent)))
    in_scope = asked.meta["intents_in_scope"]
    without = len(first) - 1 - in_scope  # questions
    share = without / asked.n_requests if out_of_scope is None else out_of_scope
    if (share > 0 and without == 0) or (share < 1 and in_scope == 0):
        which = "without" if without == 0 else "with"
        raise TraceError(f"{source} has no questions {which} an intent", mend="leave out_of_scope out")
    rng = content(seed)
    intent = np.zeros(requests, np.int64)
    if in_scope:
        ranks = drifted(Popularity(in_scope, skew).sample(rng, requests), in_scope, 0, requests, drift)
        intent = rng.permutation(in_scope)[ranks]
    if without:
        outside = rng.random(requests) < share
        intent[outside] = rng.integers(in_scope, in_scope + without, outside.sum())
    width = first[intent + 1] - first[intent]
    number = by_intent[first[intent] + (rng.random(requests) * width).astype(np.int64)]
    texts = list(asked.texts())
    return build(
        "questions",
        [texts[i] for i in number],
        asked.intent[number],
        arrival=arrival,
        output=output,
        tokenizer=tokenizer,
        page_tokens=page_tokens,
        seed=seed,
    )
