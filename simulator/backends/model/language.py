"""A model that takes and gives text: what every one offers, and one of bytes that needs no files."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np

from .llama import Llama, LlamaShape

_TURN, _STOP = 256, 257


class Language(Protocol):
    """A Llama and its tokenizer."""

    name: str
    llama: Llama
    stop: int  # the token at which an answer ends

    def encode(self, text: str) -> np.ndarray:
        """(n,) int64 tokens of `text`."""
        ...

    def conversation(self, turns: Iterable[tuple[str, str]]) -> np.ndarray:
        """(n,) int64 tokens up to the next answer, of `turns`, who said what."""
        ...

    def bytes_of(self, token: int) -> bytes:
        """What `token` stands for in the UTF-8 of a text; nothing for markers."""
        ...


class RandomBytes:
    """A small Llama of seeded random weights whose tokens are bytes: what it says is noise, and always the same."""

    name = "random-bytes"
    stop = _STOP

    def __init__(self, *, seed: int = 0, rows: int = 8) -> None:
        shape = LlamaShape(layers=2, hidden=64, feed_forward=128, heads=4, kv_heads=2, head_dim=16, vocabulary=258)
        self.llama = Llama.random(shape, seed=seed, rows=rows)

    def encode(self, text: str) -> np.ndarray:
        return np.frombuffer(text.encode(), np.uint8).astype(np.int64)

    def conversation(self, turns: Iterable[tuple[str, str]]) -> np.ndarray:
        parts = [np.append([_TURN], self.encode(f"{who}\n{said}\n")) for who, said in turns]
        return np.concatenate([*parts, [_TURN], self.encode("assistant\n")])

    def bytes_of(self, token: int) -> bytes:
        return bytes([token]) if token < _TURN else b""
