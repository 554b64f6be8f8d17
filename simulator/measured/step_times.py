"""How long steps of a real model take on this machine, over a grid of what they may hold."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from itertools import count, product
from typing import NamedTuple

import numpy as np

from kvreplay.simulator.backends.model import Llama, PagedModel
from kvreplay.simulator.caches.pages import Sequence
from kvreplay.simulator.serving.cost import attended

from .machine import seconds
from .measurement import KV_DTYPE

_PAGE_TOKENS = 16
_PREFILLED = (16, 48, 128, 256, 384)  # tokens of a prompt that are computed
_REUSED = (0, 128, 512)  # tokens in front of them
_SEQUENCES = (1, 2, 4, 8)  # that decode
_CONTEXT = (32, 128, 320, 640)  # tokens of each


class StepTime(NamedTuple):
    """A step as `StepCost.step` takes it, and the median of how long it took."""

    tokens: int
    pairs: float
    sequences: int
    context: int
    seconds: float


def step_times(llama: Llama, rounds: int = 3) -> list[StepTime]:
    """Steps that prefill a prompt, then steps that decode, in the order of the grid; measured `rounds` times in turns.

    All of a step counts: finding and taking pages, the model, and keeping K/V.
    """
    spent: dict[tuple[int, float, int, int], list[float]] = {}
    numbers = count()
    for first in (_prefills, _decodes):
        next(first(llama, numbers))  # what is only done once, such as compiling
    for _ in range(rounds):
        for step, took in [*_prefills(llama, numbers), *_decodes(llama, numbers)]:
            spent.setdefault(step, []).append(took)
    return [StepTime(*step, float(np.median(took))) for step, took in spent.items()]


def _prefills(llama: Llama, numbers: Iterator[int]) -> Iterator[tuple[tuple[int, float, int, int], float]]:
    for reused in _REUSED:
        paged = _paged(llama, reused + max(_PREFILLED))
        prefix = _random(llama, numbers, reused)
        if reused:
            _prefilled(paged, prefix)
        for tokens in _PREFILLED:
            prompt = np.concatenate([prefix, _random(llama, numbers, tokens)])
            took = seconds(functools.partial(_prefilled, paged, prompt), llama.device)
            yield (tokens, attended(reused, tokens), 0, 0), took


def _paged(llama: Llama, tokens: int) -> PagedModel:
    return PagedModel(llama, tokens // _PAGE_TOKENS, page_tokens=_PAGE_TOKENS, kv_dtype=KV_DTYPE)


def _prefilled(paged: PagedModel, prompt: np.ndarray) -> None:
    prefilled = paged.prefill(prompt)
    assert prefilled is not None
    paged.sequences.finish(prefilled[0])


def _decodes(llama: Llama, numbers: Iterator[int]) -> Iterator[tuple[tuple[int, float, int, int], float]]:
    most = max(_SEQUENCES)
    paged = _paged(llama, most * (max(_CONTEXT) + 2 * _PAGE_TOKENS))
    sequences: list[Sequence] = []
    for _ in range(most):
        admitted = paged.sequences.admit(_random(llama, numbers, min(_CONTEXT)))  # of K/V any will do
        assert admitted is not None
        sequences.append(admitted)
    for context, n in product(_CONTEXT, _SEQUENCES):
        for sequence in sequences:
            grown = paged.sequences.grow(sequence, max(context - sequence.length, 0))
            assert grown
        read = sum(sequence.length + 1 for sequence in sequences[:n])
        yield (0, 0.0, n, read), seconds(functools.partial(_decoded, paged, sequences[:n]), llama.device)


def _decoded(paged: PagedModel, sequences: list[Sequence]) -> None:
    token = np.zeros(1, np.int64)
    for sequence, output in zip(sequences, paged.run([(s, token) for s in sequences]), strict=True):
        kept = paged.keep(sequence, token, output.kv)
        assert kept


def _random(llama: Llama, numbers: Iterator[int], n: int) -> np.ndarray:
    return np.random.default_rng(next(numbers)).integers(0, llama.shape.vocabulary, n)
