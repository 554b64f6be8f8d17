"""Which token comes next, given the logits of all: the likeliest, or one drawn by its probability."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

Choose = Callable[[Tensor, int], np.ndarray]  # of logits, (n, vocabulary), of places from one on: (n,) int64 tokens


def greedy(logits: Tensor, place: int) -> np.ndarray:
    """The likeliest token of each."""
    return logits.argmax(-1).cpu().numpy()


@dataclass(frozen=True)
class Sampler:
    """Draws at `temperature` > 0 from the fewest tokens whose probabilities come to `top_p`, in (0, 1].

    Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020, section 3.1. What is drawn for a place
    of the output depends on the seed, the place and the logits alone: not on how many places are drawn at once, so
    that drafts and preemption change nothing.
    """

    seed: int  # from 0 to 2**64 - 1
    temperature: float = 1.0
    top_p: float = 1.0

    def __call__(self, logits: Tensor, place: int) -> np.ndarray:
        """(n,) int64 tokens of the places `place`, `place` + 1, … of the output."""
        below = logits.double() - logits.amax(-1, keepdim=True)  # first, or a small temperature makes infinities of all
        shares = (below / self.temperature).softmax(-1)
        shares, tokens = shares.sort(dim=-1, descending=True, stable=True)
        upto = shares.cumsum(-1)
        kept = (upto - shares < self.top_p).sum(-1).tolist()  # the likeliest is never left out
        drawn = []
        for i, (row, n) in enumerate(zip(upto.cpu().numpy(), kept, strict=True)):
            key = np.array([self.seed, place + i], np.uint64)  # of a list with a large seed numpy makes floats
            u = np.random.Generator(np.random.Philox(key=key)).random()
            drawn.append(np.searchsorted(row[: n - 1], u * row[n - 1], side="right"))
        return tokens.cpu().numpy()[np.arange(len(drawn)), drawn]
