"""The pool of physical pages with their content: reference counts and copy-on-write over a tensor of K/V."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kvreplay.simulator.caches.pages import PageError, PagePool

from .layout import PageLayout
from .page_data import PageData


class TorchPagePool(PagePool):
    """A `PagePool` of `capacity` pages of `layout` that exist, on `device`. Not for several threads at once.

    Who holds which page is kept as in every `PagePool`; `read` tells which rows of `data` the pages are. Raises
    PageError where the memory does not suffice; once made, a full pool answers None as every `PagePool` does.
    """

    _content: PageData

    def __init__(self, layout: PageLayout, capacity: int, *, device: str | torch.device = "cpu") -> None:
        super().__init__(capacity, page_bytes=layout.nbytes, content=PageData(layout, capacity, device))
        self.layout = layout

    @property
    def data(self) -> Tensor:
        """(pages, *layout.shape): page-major, so that a page is one contiguous run. Another tensor after `resize`."""
        return self._content.data

    def write_tokens(self, ids: np.ndarray, holders: np.ndarray, slots: np.ndarray, kv: Tensor) -> np.ndarray | None:
        """Put K/V of tokens into pages, each on behalf of one of its holders; the ids that replace `ids`, in place.

        Token i, kv[i] (layers, 2, kv_heads, head_dim), goes to place slots[i] of page ids[holders[i]]. Pages that are
        shared are copied first, as `write` does: an id that stands in `ids` twice is two holders, who part.
        None, and no change, where too few pages are free. Raises PageError for wrong ids, shapes and places, and
        where two tokens go to the same place.
        """
        holders, slots = self._places(ids, holders, slots, kv)
        private = self.write(ids)
        if private is not None:
            pages = torch.from_numpy(self.read(private)[holders].astype(np.int64)).to(self.data.device)
            self.data[pages, :, :, torch.from_numpy(slots).to(self.data.device)] = kv
        return private

    def resize(self, capacity: int) -> bool:
        """As `PagePool.resize`; False, and no change, also where memory does not suffice.

        While it grows, the old and the new tensor are there. A pool that shrinks gives no memory back: pages in use
        lie anywhere.
        """
        before = self._content
        if capacity <= len(self.data):
            return super().resize(capacity)
        try:
            grown = PageData(self.layout, capacity, before.data.device)
        except PageError:
            return False
        if not super().resize(capacity):
            return False
        grown.data[: len(before.data)].copy_(before.data)
        self._content = grown
        return True

    def _places(
        self, ids: np.ndarray, holders: np.ndarray, slots: np.ndarray, kv: Tensor
    ) -> tuple[np.ndarray, np.ndarray]:
        holders, slots = (np.asarray(given, np.int64) for given in (holders, slots))
        layers, _, tokens, heads, dim = self.layout.shape
        told = f"{kv.dtype} {tuple(kv.shape)} on {kv.device}"
        expected = f"{self.layout.dtype} {(len(holders), layers, 2, heads, dim)} on {self.data.device}"
        if told != expected:
            raise PageError(f"write_tokens: K/V are {told}; give {expected}")
        for what, given, end in (("holders", holders, len(ids)), ("slots", slots, tokens)):
            if given.shape != (len(holders),) or (len(given) and not 0 <= given.min() <= given.max() < end):
                raise PageError(f"write_tokens: {what} must be {len(holders)} places from 0 to {end - 1}")
        if len(np.unique(holders * tokens + slots)) < len(holders):
            raise PageError("write_tokens: two tokens go to the same place; write each place once")
        return holders, slots
