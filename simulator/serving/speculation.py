"""Speculative decoding: a small model drafts tokens that the large one verifies in one step.

By Leviathan et al., "Fast Inference from Transformers via Speculative Decoding" (ICML 2023), a step that drafts
`length` tokens, each accepted with probability `acceptance`, generates (1 - acceptance^(length + 1)) / (1 - acceptance)
tokens on average (equation 1), and where verifying takes as long as a step of one token, decoding becomes as many times
as fast, divided by length x c + 1, with c the draft's share of the large model's time (theorem 3.8).

Here verifying costs what the large model's step of length + 1 tokens a sequence costs, so that large batches gain less,
or lose. Every sequence is taken to advance at the average rate of its request's acceptance, in whole tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace

from .cost import StepCost
from .model import Model


def token_bytes(cost: StepCost | Speculation) -> int:
    """Bytes of one token in the KV memory, in the caches of all models."""
    return sum(model.kv_bytes_per_token for model in cost.models)


def target_of(cost: StepCost | Speculation) -> StepCost:
    """The cost of the model that is served."""
    return cost.target if isinstance(cost, Speculation) else cost


def tokens_per_step(length: int, acceptance: float) -> float:
    """Tokens that a sequence gains in a step, on average."""
    if acceptance == 1:
        return length + 1
    return (1 - acceptance ** (length + 1)) / (1 - acceptance)


def request_acceptance(trace: Trace, otherwise: float, by_intent: Mapping[int, float]) -> np.ndarray:
    """(R,) float64: of each request's drafts, what `by_intent` says of its intent, or else `otherwise`.

    Raises TraceError for a trace without intents, where they are asked for.
    """
    acceptance = np.full(trace.n_requests, otherwise)
    if by_intent and trace.intent is None:
        raise TraceError(f"{trace.name} has no intents", mend="leave acceptance_by_intent out")
    for intent, value in by_intent.items():
        acceptance[trace.intent == intent] = value
    return acceptance


@dataclass(frozen=True)
class Speculation:
    """The cost of steps of `target` that `draft` speculates for; stands where a StepCost does."""

    target: StepCost
    draft: StepCost
    length: int  # tokens drafted a step
    acceptance: np.ndarray  # (R,) float64, 0 to 1: that of each token drafted for a request

    @property
    def models(self) -> tuple[Model, ...]:
        """Those that have weights and a KV cache in the devices' memory."""
        return (self.target.model, self.draft.model)

    def gain(self, number: int) -> float:
        """Tokens that the request `number` gains in a step, on average."""
        return tokens_per_step(self.length, float(self.acceptance[number]))

    @property
    def sequence_tokens(self) -> int:
        """Tokens of a decoding sequence in a step."""
        return self.length + 1

    @property
    def token_read(self) -> float:
        """Seconds of reading one token of the KV caches: the draft reads its own for each token."""
        return self.target.token_read + self.length * self.draft.token_read

    def step(self, tokens: int, pairs: float, sequences: int, context: float) -> float:
        """Seconds of one step, as `StepCost.step` has it, drafting included; prompts are prefilled in both models."""
        drafted = 0.0
        if sequences:
            drafted = self.length * self.draft.step(0, 0, sequences, context)
        if tokens:
            drafted += self.draft.step(tokens, pairs, 0, 0)
        return drafted + self.target.step(tokens, pairs, sequences, context, each=self.sequence_tokens)

    def added(self, tokens: int, pairs: float) -> float:
        """Seconds by which a step takes longer for prefilling `tokens` more, as `StepCost.added` has it."""
        return self.draft.added(tokens, pairs) + self.target.added(tokens, pairs)
