"""Chats of many turns: each prompt repeats the whole conversation so far, after a shared system prompt."""

from __future__ import annotations

import numpy as np

from ..trace import Trace
from .arrivals import Arrival
from .growing import Turns, build, running_total, within_context
from .knobs import Count, PageTokens, Requests, Seconds, Seed, Share, Skew, Tokens
from .lengths import Length
from .popularity import Popularity
from .streams import streams


def conversation(
    *,
    sessions: Count = 1_000,
    requests: Requests | None = None,
    turns: Length = Length(mean=5, cv=0.8, max=100),
    abandonment: Share = 0.05,
    system_prompts: Count = 1,
    system_tokens: Tokens = 512,
    system_skew: Skew = 1.0,
    user: Length = Length(mean=60, cv=1.2),
    output: Length = Length(mean=250, cv=1.0),
    think: Seconds = 30.0,
    context_limit: Tokens = 32_768,
    arrival: Arrival = Arrival(rate=0.5),
    page_tokens: PageTokens = 16,
    seed: Seed = 0,
) -> Trace:
    """Conversations start by `arrival`; a turn follows the one before it after an exponential time.

    A conversation has as many messages as `turns` draws, unless its user leaves earlier: after each answer
    with probability `abandonment`. It ends where prompt and answer would exceed `context_limit` tokens.
    `think` is the mean time in seconds from one message to the next, the answer included. `requests` keeps
    only the first so many. There is no text: pages are known by session and position.
    Raises TraceError where no prompt fits the context, or the sessions make too few requests.
    """
    dice, clock, thinking = streams(seed, 3)
    planned = turns.sample(dice, sessions)
    stays = dice.geometric(abandonment, sessions) if abandonment else planned
    preamble = Popularity(system_prompts, system_skew).sample(dice, sessions).astype(np.int64)
    n_turns = np.minimum(planned, stays)
    session = np.repeat(np.arange(sessions), n_turns)
    asked = user.sample(dice, len(session)).astype(np.int64)
    answered = output.sample(dice, len(session)).astype(np.int64)
    prompt = system_tokens + running_total(asked + answered, session) - answered
    starts = np.cumsum(n_turns) - n_turns
    gaps = thinking.exponential(think, len(session))
    gaps[starts] = 0
    start = np.repeat(arrival.sample(clock, sessions).seconds, n_turns)
    seconds = np.round(start + running_total(gaps, session), 6)
    told = Turns(seconds, session, preamble[session], prompt, prompt, answered)
    return build("conversation", within_context(told, context_limit), system_tokens, page_tokens, requests)
