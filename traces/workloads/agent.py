"""Agents calling tools in a loop: a long shared preamble, a growing context, bursts of sub-requests."""

from __future__ import annotations

import numpy as np

from ..trace import Trace
from .arrivals import Arrival
from .growing import Turns, build, running_total, within_context
from .knobs import Count, PageTokens, Requests, Seconds, Seed, Share, Skew, Tokens
from .lengths import Length
from .popularity import Popularity
from .streams import streams


def agent(
    *,
    sessions: Count = 200,
    requests: Requests | None = None,
    steps: Length = Length(mean=12, cv=0.7, max=200),
    preambles: Count = 3,
    preamble_tokens: Tokens = 4_096,
    preamble_skew: Skew = 1.0,
    task: Length = Length(mean=200, cv=1.0),
    output: Length = Length(mean=120, cv=1.0),
    tool_result: Length = Length(mean=500, cv=1.5),
    step_seconds: Seconds = 3.0,
    burst_share: Share = 0.1,
    burst_size: Count = 4,
    subtask: Length = Length(mean=150, cv=1.0),
    context_limit: Tokens = 131_072,
    arrival: Arrival = Arrival(rate=0.2),
    page_tokens: PageTokens = 16,
    seed: Seed = 0,
) -> Trace:
    """Tasks start by `arrival`; each step appends the model's output and a tool's result to the context.

    A session opens with one of `preambles` (instructions and tool descriptions, `preamble_tokens` long,
    Zipf-popular) and its task. After a step, with probability `burst_share`, `burst_size` sub-requests come
    at one moment: each repeats the context so far and adds a sub-task of its own that later steps do not
    see. `step_seconds` is the mean of the exponential time from a step to its burst or the next step.
    `requests` keeps only the first so many.
    Raises TraceError where no prompt fits the context, or the sessions make too few requests.
    """
    dice, clock, working = streams(seed, 3)
    n_steps = steps.sample(dice, sessions)
    preamble = Popularity(preambles, preamble_skew).sample(dice, sessions).astype(np.int64)
    session = np.repeat(np.arange(sessions), n_steps)
    opens = np.cumsum(n_steps) - n_steps  # the first step of each session
    said = output.sample(dice, len(session)).astype(np.int64)
    told = tool_result.sample(dice, len(session)).astype(np.int64)
    # What each step reads that the ones before it have not: the task, later the last output and tool result.
    added = np.roll(said + told, 1)
    added[opens] = task.sample(dice, sessions)
    context = preamble_tokens + running_total(added, session)

    # From here on a row is a request: a step, or one of the sub-requests behind it.
    bursts = dice.random(len(session)) < burst_share
    n_rows = 1 + bursts * burst_size
    step = np.repeat(np.arange(len(session)), n_rows)
    within = np.arange(len(step)) - np.repeat(np.cumsum(n_rows) - n_rows, n_rows)
    sub = within > 0
    # A sub-request sees the output that called for it, as the next step will.
    shared = context[step] + sub * said[step]
    prompt = shared + sub * subtask.sample(dice, len(step))
    produced = np.where(sub, output.sample(dice, len(step)), said[step])
    gaps = np.where(within <= 1, working.exponential(step_seconds, len(step)), 0.0)
    gaps[np.isin(step, opens) & ~sub] = 0.0
    owner = session[step]
    seconds = arrival.sample(clock, sessions).seconds[owner] + running_total(gaps, owner)
    rows = Turns(np.round(seconds, 6), owner, preamble[owner], shared, prompt, produced)
    return build("agent", within_context(rows, context_limit), preamble_tokens, page_tokens, requests)
