"""Choosing what is asked: some of the intents, and for each request one of its wordings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import TraceError
from .text_domains import Intent

_TRIES = 20  # for a wording not used yet; an intent asked thousands of times runs out of them


def choose(intents: Sequence[Intent], count: int, rng: np.random.Generator) -> list[Intent]:
    """`count` of `intents` in random order. Raises TraceError where there are fewer."""
    if count > len(intents):
        raise TraceError(f"{count} intents asked for, there are {len(intents)}", mend="ask for fewer")
    return [intents[i] for i in rng.permutation(len(intents))[:count]]


def roll(rng: np.random.Generator) -> int:
    """A random number to pick a wording with."""
    return int(rng.integers(2**63))


def wordings(
    intents: Sequence[Intent], asked: np.ndarray, verbatim_share: float, rng: np.random.Generator
) -> list[str]:
    """A prompt for each request, which asks for `intents[asked[request]]`.

    An intent asked before is asked again in one of its former wordings with probability `verbatim_share`,
    else in a new one as long as there are any.
    """
    former: list[list[str]] = [[] for _ in intents]
    used: set[tuple[int, str]] = set()
    texts = []
    for number, chance in zip(asked.tolist(), rng.random(len(asked)).tolist(), strict=True):
        known = former[number]
        text = None if known and chance < verbatim_share else _new_wording(intents[number], number, used, rng)
        if text is None:
            text = known[int(rng.integers(len(known)))]
        else:
            known.append(text)
            used.add((number, text))
        texts.append(text)
    return texts


def _new_wording(intent: Intent, number: int, used: set[tuple[int, str]], rng: np.random.Generator) -> str | None:
    for _ in range(_TRIES):
        text = intent.wording(roll(rng))
        if (number, text) not in used:
            return text
    return None
