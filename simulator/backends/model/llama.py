"""The Llama network in torch: from tokens, and K/V of the tokens before them, to logits and K/V.

Touvron et al., "LLaMA: Open and Efficient Foundation Language Models", 2023, section 2.2: a pre-norm transformer with
RMSNorm, SwiGLU and rotary positions; keys and values are shared by groups of heads (Ainslie et al., "GQA", EMNLP 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..layout import PageLayout
from .attention import attend, gather


class ModelError(ValueError):
    """A shape that no Llama has, tokens that a model cannot take, or a model that is not installed."""


@dataclass(frozen=True)
class LlamaShape:
    """The widths of a Llama. Raises ModelError where one is not positive or heads do not divide."""

    layers: int
    hidden: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    rope_theta: float = 10_000.0
    norm_epsilon: float = 1e-5

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise ModelError(f"model shape: {name} is {value}; give a positive number")
        if self.heads % self.kv_heads or self.head_dim % 4:
            what = f"{self.heads} heads on {self.kv_heads} of K/V, of {self.head_dim} elements"
            raise ModelError(f"model shape: {what}; give a multiple of kv_heads, and of 4")

    def page_layout(self, page_tokens: int, dtype: torch.dtype = torch.float32) -> PageLayout:
        """How pages of this model's K/V look."""
        return PageLayout(self.layers, page_tokens, self.kv_heads, self.head_dim, dtype)


class Layer(NamedTuple):
    """Weights of one layer. Neighbouring elements of a head's query and key turn together (Su et al., "RoFormer")."""

    attention_norm: Tensor  # (hidden,)
    queries_keys_values: Tensor  # ((heads + 2 * kv_heads) * head_dim, hidden)
    attention_out: Tensor  # (hidden, heads * head_dim)
    feed_norm: Tensor  # (hidden,)
    gate_up: Tensor  # (2 * feed_forward, hidden)
    down: Tensor  # (hidden, feed_forward)


class Weights(NamedTuple):
    """All weights of a Llama, of one type and on one device."""

    embedding: Tensor  # (vocabulary, hidden)
    layers: list[Layer]
    norm: Tensor  # (hidden,)
    head: Tensor  # (vocabulary, hidden); may be the embedding


class Chunk(NamedTuple):
    """Tokens of one sequence that go through the model together."""

    tokens: np.ndarray  # (n,) integers, n > 0
    start: int  # position of the first
    pages: np.ndarray  # (m,) integers: where K/V of the `start` tokens before lie, by row of the pool's data
    scored: int = 1  # how many tokens, the last ones, want logits


class Output(NamedTuple):
    """What a chunk comes to."""

    logits: Tensor  # (scored, vocabulary), of the tokens that follow
    kv: Tensor  # (n, layers, 2, kv_heads, head_dim), of the type that the pages have


class Llama:
    """A Llama of given `weights`; it keeps no state, K/V come and go by pages.

    Every product is of `rows` tokens, filled up with zeros, and so always of one shape. Therefore on a CPU with one
    thread a token's K/V and logits depend, to the bit, on the tokens before it alone: not on which of them had their
    K/V in pages already, nor on other sequences, nor on how many tokens are decoded at once. Many `rows` are quicker
    in prefill, few in decoding few sequences.
    """

    def __init__(self, shape: LlamaShape, weights: Weights, *, rows: int = 8) -> None:
        self.shape, self.weights, self.rows = shape, weights, rows

    @classmethod
    def random(
        cls,
        shape: LlamaShape,
        *,
        seed: int = 0,
        rows: int = 8,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> Llama:
        """A Llama of normal weights, the same for a seed on every device: for tests and for timing."""
        generator = torch.Generator().manual_seed(seed)

        def normal(out: int, into: int) -> Tensor:
            weight = torch.randn(out, into, generator=generator) * into**-0.5
            return weight.to(device, dtype)

        ones = torch.ones(shape.hidden, dtype=dtype, device=device)
        attention, feed = shape.heads * shape.head_dim, shape.feed_forward
        layers = [
            Layer(
                ones,
                normal(attention + 2 * shape.kv_heads * shape.head_dim, shape.hidden),
                normal(shape.hidden, attention),
                ones,
                normal(2 * feed, shape.hidden),
                normal(shape.hidden, feed),
            )
            for _ in range(shape.layers)
        ]
        embedding = normal(shape.vocabulary, shape.hidden)
        return cls(shape, Weights(embedding, layers, ones, embedding), rows=rows)

    @property
    def device(self) -> torch.device:
        return self.weights.embedding.device

    def check(self, tokens: np.ndarray) -> None:
        """Raises ModelError where `tokens`, (n,), are none, or some are outside of the vocabulary."""
        if not len(tokens) or not 0 <= int(tokens.min()) <= int(tokens.max()) < self.shape.vocabulary:
            told = f"from {tokens.min()} to {tokens.max()}" if len(tokens) else "none"
            most = self.shape.vocabulary - 1
            raise ModelError(f"model: tokens are {told}; give some from 0 to {most}, by the model's own tokenizer")

    @torch.inference_mode()
    def forward(self, chunks: Sequence[Chunk], data: Tensor) -> list[Output]:
        """Logits and K/V of each of `chunks`, given a pool's `data`, (pages, *layout.shape), which is not changed.

        Raises ModelError for tokens that `check` refuses.
        """
        shape = self.shape
        for chunk in chunks:
            self.check(chunk.tokens)
        tokens = torch.from_numpy(np.concatenate([chunk.tokens for chunk in chunks]).astype(np.int64))
        n = len(tokens)
        sizes = [len(chunk.tokens) for chunk in chunks]
        at = [torch.arange(chunk.start, chunk.start + size) for chunk, size in zip(chunks, sizes, strict=True)]
        turns = self._turns(torch.cat(at))
        pages = [torch.from_numpy(np.asarray(chunk.pages, np.int64)).to(self.device) for chunk in chunks]

        kv = torch.empty((n, *data.shape[1:3], *data.shape[4:]), dtype=data.dtype, device=self.device)
        x = self._padded(self.weights.embedding[tokens.to(self.device)])
        for i, layer in enumerate(self.weights.layers):
            projected = self._product(self._normed(x, layer.attention_norm), layer.queries_keys_values)[:n]
            heads = projected.view(n, -1, shape.head_dim)
            turned = _turn(heads[:, : shape.heads + shape.kv_heads], turns)
            kv[:, i, 0] = turned[:, shape.heads :]
            kv[:, i, 1] = heads[:, shape.heads + shape.kv_heads :]
            # New keys and values as pages will give them back: rounded, where these are of a smaller type.
            new = zip(
                chunks, pages, turned[:, : shape.heads].split(sizes), kv[:, i].to(x.dtype).split(sizes), strict=True
            )
            attended = [
                self.attend(queries, gather(data, i, held, chunk.start, own), chunk.start)
                for chunk, held, queries, own in new
            ]
            x = x + self._product(self._padded(torch.cat(attended).view(n, -1)), layer.attention_out)
            gate, up = self._product(self._normed(x, layer.feed_norm), layer.gate_up).chunk(2, dim=1)
            x = x + self._product(functional.silu(gate) * up, layer.down)
        last = torch.cat([part[-chunk.scored :] for chunk, part in zip(chunks, x[:n].split(sizes), strict=True)])
        normed = self._normed(self._padded(last), self.weights.norm)
        logits = self._product(normed, self.weights.head)[: len(last)].split([chunk.scored for chunk in chunks])
        return [Output(*parts) for parts in zip(logits, kv.split(sizes), strict=True)]

    def attend(self, queries: Tensor, kv: Tensor, start: int) -> Tensor:
        """`attention.attend` of one layer, to be watched."""
        return attend(queries, kv, start, self.rows)

    def _product(self, x: Tensor, weight: Tensor) -> Tensor:
        return torch.cat([functional.linear(few, weight) for few in x.split(self.rows)])

    def _padded(self, x: Tensor) -> Tensor:
        """`x` with rows of zeros up to a multiple of `rows`."""
        return functional.pad(x, (0, 0, 0, -len(x) % self.rows))

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        return functional.rms_norm(x, x.shape[1:], weight, self.shape.norm_epsilon)

    def _turns(self, at: Tensor) -> tuple[Tensor, Tensor]:
        """Cosine and sine, (n, 1, head_dim / 2) each, of the angles by which positions `at`, (n,), turn."""
        frequencies = self.shape.rope_theta ** (-torch.arange(0, self.shape.head_dim, 2).double() / self.shape.head_dim)
        # Padded as well: what is left of a vector goes another way, and may come out differently.
        angles = (functional.pad(at, (0, -len(at) % self.rows)).double()[:, None] * frequencies)[:, None]
        cos, sin = (
            turn[: len(at)].to(self.device, self.weights.embedding.dtype) for turn in (angles.cos(), angles.sin())
        )
        return cos, sin


def _turn(x: Tensor, turns: tuple[Tensor, Tensor]) -> Tensor:
    """`x`, (n, heads, head_dim), with each pair of neighbouring elements turned."""
    cos, sin = turns
    even, odd = x[..., ::2], x[..., 1::2]
    return torch.stack([even * cos - odd * sin, even * sin + odd * cos], dim=-1).flatten(-2)
