"""A model whose K/V lie in the pages of a pool: what of a prompt is there is reused, what is computed is kept."""

from __future__ import annotations

from collections.abc import Sequence as Several
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from kvreplay.simulator.caches.pages import PagedSequences, PrefixCache, Sequence

from ..page_pool import TorchPagePool
from .llama import Chunk, Llama, ModelError, Output

if TYPE_CHECKING:
    from kvreplay.traces.trace import Trace


class PagedModel:
    """`model` with a pool of `capacity` pages on its device, and a prefix cache of them under `policy`.

    Full pages are found again by later prompts while they are cached; shared pages are copied before one of their
    sequences writes. `kv_dtype`: of the pages. Prompts of `trace`, which has prefix pages of `page_tokens` tokens, are
    found by the numbers of their pages, and what is generated behind them is not. Raises PageError where memory does
    not suffice, and what `PrefixCache` raises.
    """

    def __init__(
        self,
        model: Llama,
        capacity: int,
        *,
        page_tokens: int = 16,
        policy: Any = "lru",
        kv_dtype: torch.dtype = torch.float32,
        trace: Trace | None = None,
        seed: int = 0,
    ) -> None:
        self.model = model
        self.pool = TorchPagePool(model.shape.page_layout(page_tokens, kv_dtype), capacity, device=model.device)
        if trace is None:
            cache = PrefixCache(capacity, policy, page_tokens=page_tokens, pool=self.pool, seed=seed)
        else:
            cache = PrefixCache.for_trace(trace, capacity, policy, pool=self.pool, seed=seed)
        self.sequences = PagedSequences(self.pool, cache)
        self.page_tokens = page_tokens

    def prefill(
        self, prompt: np.ndarray, *, pages: np.ndarray | None = None, scored: int = 1, salt: str = ""
    ) -> tuple[Sequence, Tensor] | None:
        """A sequence of `prompt`, (n,) tokens, n > 0, and logits, (scored, vocabulary), behind its last tokens.

        Only what follows the longest cached prefix is computed, but for scored tokens in it, which are computed for
        their logits. `pages` are the numbers of a trace's prompt, (n // page_tokens,) or fewer; of these, as in
        servers, one that ends the prompt is computed again. A tenant's `salt` keeps its pages apart. None, and no
        change, where too few pages are free. Raises ModelError for tokens outside of the vocabulary, and where `scored`
        are not from 1 to n.
        """
        self.model.check(prompt)
        if not 1 <= scored <= len(prompt):
            raise ModelError(f"prefill: {scored} scored tokens of a prompt of {len(prompt)}; give from 1 to as many")
        if pages is None:
            sequence = self.sequences.admit(prompt, salt=salt)
        else:
            sequence = self.sequences.admit(pages, len(prompt), most=(len(prompt) - 1) // self.page_tokens)
        if sequence is None:
            return None
        cached = sequence.prefix.hits * self.page_tokens
        start = min(cached, len(prompt) - scored)
        try:
            [output] = self.model.forward([self._chunk(sequence, prompt[start:], start, scored)], self.pool.data)
        except BaseException:  # memory for the work itself, or an interrupt
            self.sequences.finish(sequence)
            self.sequences.cache.evict(self.sequences.cache.idle)  # of which some were to hold what was not computed
            raise
        self._write(sequence, cached, output.kv[cached - start :])
        return sequence, output.logits

    def run(self, batch: Several[tuple[Sequence, np.ndarray]]) -> list[Output]:
        """What each sequence's next tokens, (n,), come to: logits behind each of them, and K/V. Nothing is kept."""
        chunks = [self._chunk(sequence, tokens, sequence.length, len(tokens)) for sequence, tokens in batch]
        return self.model.forward(chunks, self.pool.data)

    def keep(self, sequence: Sequence, tokens: np.ndarray, kv: Tensor) -> bool:
        """Append tokens, (n,), with their K/V as `run` gave them; False, and no change, if too few pages are free."""
        start = sequence.length
        if not self.sequences.grow(sequence, tokens if self.sequences.cache.by_tokens else len(tokens)):
            return False
        self._write(sequence, start, kv)
        return True

    def _chunk(self, sequence: Sequence, tokens: np.ndarray, start: int, scored: int) -> Chunk:
        before = sequence.ids[: -(-start // self.page_tokens)]
        return Chunk(tokens, start, self.pool.read(before), scored)

    def _write(self, sequence: Sequence, start: int, kv: Tensor) -> None:
        # Straight to the data: pages that are full already belong to the cache, whose pages `write_tokens` would copy.
        at = np.arange(start, start + len(kv))
        pages = self.pool.read(sequence.ids)[at // self.page_tokens]
        rows, slots = (torch.from_numpy(places.astype(np.int64)) for places in (pages, at % self.page_tokens))
        self.pool.data[rows.to(kv.device), :, :, slots.to(kv.device)] = kv
