"""What a model says behind other K/V than its own, stored in fewer bytes or taken from another prompt.

That such K/V serve is not assumed, but scored: the distributions of the next token are compared by their
Kullback-Leibler divergence, and by whether the most likely token is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from kvreplay.simulator.caches.pages import Sequence

from ..codecs import KVCodec
from .decoder import Decoder
from .llama import ModelError
from .paged import PagedModel


class Fidelity(NamedTuple):
    """How near what a model says is to what it should say, over some tokens."""

    kl: float  # nats a token
    top1: float  # share of tokens of which the most likely is the same


class Reuse(NamedTuple):
    """What a semantic hit costs that answers `prompt` by what is there for another one."""

    kv: Fidelity  # of the answer to `prompt`, behind the other prompt's K/V
    answer_excess: float  # nats a token by which the other's answer is less likely behind `prompt` than behind its own


def fidelity(right: Tensor, got: Tensor) -> Fidelity:
    """Of logits `got`, (n, vocabulary), that should be `right`: the mean KL(right || got), and the top-1 agreement."""
    true, other = (logits.double().log_softmax(-1) for logits in (right, got))
    kl = (true.exp() * (true - other)).sum(-1).mean()
    return Fidelity(float(kl), float((right.argmax(-1) == got.argmax(-1)).double().mean()))


def behind_stored(
    paged: PagedModel, codecs: Iterable[KVCodec], prefix: np.ndarray, following: np.ndarray
) -> list[Fidelity]:
    """For each codec: of what is said behind `following`, (n,), when the pages of `prefix` have been stored by it.

    Afterwards the cached pages are as before. Raises ModelError where `prefix` does not fill its pages, or the pool has
    no room for it, and CodecError as codecs do.
    """
    if len(prefix) % paged.page_tokens:
        raise ModelError(f"scoring: a prefix of {len(prefix)} tokens; give whole pages of {paged.page_tokens}")
    sequence, _ = _fitting(paged.prefill(prefix))
    rows = torch.from_numpy(paged.pool.read(sequence.ids)).long()
    kept = paged.pool.data[rows]
    scores = []
    try:
        [right] = paged.run([(sequence, following)])
        for codec in codecs:
            paged.pool.data[rows] = codec.decode(codec.encode(kept))
            [got] = paged.run([(sequence, following)])
            scores.append(fidelity(right.logits, got.logits))
    finally:
        paged.pool.data[rows] = kept
        paged.sequences.finish(sequence)
    return scores


def reuse(paged: PagedModel, other: np.ndarray, prompt: np.ndarray, most: int, *, stop: int | None = None) -> Reuse:
    """A hit that serves `prompt`, (n,) tokens, by the K/V or the answer of `other`; answers are greedy, up to `most`.

    Raises ModelError or PageError where the pool has no room for them.
    """
    answer, others_answer = Decoder(paged, stop=stop).generate([prompt, other], most)
    kv = fidelity(_said(paged, prompt, answer), _said(paged, other, answer))
    likely, own = (_likelihood(_said(paged, behind, others_answer), others_answer) for behind in (prompt, other))
    return Reuse(kv, own - likely)


def _said(paged: PagedModel, prompt: np.ndarray, answer: np.ndarray) -> Tensor:
    """(m, vocabulary): logits before each token of `answer`, (m,), behind `prompt`."""
    sequence, logits = _fitting(paged.prefill(np.concatenate([prompt, answer[:-1]]), scored=len(answer)))
    paged.sequences.finish(sequence)
    return logits


def _likelihood(logits: Tensor, tokens: np.ndarray) -> float:
    """Mean log likelihood of a token, nats."""
    of_each = logits.double().log_softmax(-1).cpu()
    return float(of_each[torch.arange(len(tokens)), torch.from_numpy(tokens)].mean())


def _fitting(prefilled: tuple[Sequence, Tensor] | None) -> tuple[Sequence, Tensor]:
    if prefilled is None:
        raise ModelError("scoring: the pool has too few pages; make it larger")
    return prefilled
