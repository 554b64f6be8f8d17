"""Speculative decoding: a small model drafts tokens that the large one verifies in one step.

By Leviathan et al., "Fast Inference from Transformers via Speculative Decoding" (ICML 2023), a step that drafts
`length` tokens, each accepted with probability `acceptance`, generates (1 - acceptance^(length + 1)) / (1 - acceptance)
tokens on average (equation 1), and where verifying takes as long as a step of one token, decoding becomes as many times
as fast, divided by length x c + 1, with c the draft's share of the large model's time (theorem 3.8).

Here verifying costs what the large model's step of length + 1 tokens a sequence costs, so that large batches gain less,
or lose. Every sequence is taken to advance at the average rate.
"""

from __future__ import annotations

from dataclasses import dataclass

from .cost import StepCost, arithmetic_sum, arithmetic_terms


def target_of(cost: StepCost | Speculation) -> StepCost:
    """The cost of the model that is served."""
    return cost.target if isinstance(cost, Speculation) else cost


@dataclass(frozen=True)
class Speculation:
    """The cost of steps of `target` that `draft` speculates for; stands where a StepCost does."""

    target: StepCost
    draft: StepCost
    length: int  # tokens drafted a step
    acceptance: float  # of each, 0 to 1

    @property
    def tokens_per_step(self) -> float:
        """Tokens that a sequence gains in a step, on average."""
        if self.acceptance == 1:
            return self.length + 1
        return (1 - self.acceptance ** (self.length + 1)) / (1 - self.acceptance)

    @property
    def sequence_tokens(self) -> int:
        """Tokens of a decoding sequence in a step."""
        return self.length + 1

    def step(self, tokens: int, pairs: float, sequences: int, context: int) -> float:
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

    def decode(self, sequences: int, context: int, tokens: int) -> float:
        """Seconds until each of `sequences` has `tokens` more."""
        return arithmetic_sum(*self._series(sequences, context), tokens)

    def decode_steps(self, sequences: int, context: int, seconds: float) -> int:
        """The least number of tokens each that take at least `seconds`."""
        return arithmetic_terms(*self._series(sequences, context), seconds)

    def _series(self, sequences: int, context: int) -> tuple[float, float]:
        read = self.target.token_read + self.length * self.draft.token_read
        return self.step(0, 0, sequences, context) / self.tokens_per_step, sequences * read / self.tokens_per_step
