"""Where the content of pages lies: one tensor, page after page, and the copying and comparing of pages in it."""

from __future__ import annotations

import importlib.util

import numpy as np
import torch
from torch import Tensor

from kvreplay.jit import jit
from kvreplay.simulator.caches.pages import PageError

from .layout import PageLayout

_HAS_TRITON = importlib.util.find_spec("triton") is not None
_CHUNK = {"cpu": 1 << 18, "cuda": 1 << 24}  # words that are hashed or compared at a time


class PageData:
    """`n` pages of `layout` on `device`, a `PageContent`. Pages go by number, (n,) integers.

    Raises PageError where the device is none, or its memory does not suffice.
    """

    def __init__(self, layout: PageLayout, n: int, device: str | torch.device) -> None:
        if n < 1:
            raise PageError(f"page pool: {n} pages; give 1 or more")
        try:
            where = torch.device(device)
            self.data = torch.empty((n, *layout.shape), dtype=layout.dtype, device=where)  # (n, *layout.shape)
        except (RuntimeError, AssertionError) as error:
            if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                told = f"{n} pages of {layout.nbytes:,} bytes do not fit into the memory of {device}; give fewer"
            else:
                told = f"device {device} cannot be used ({str(error).splitlines()[0]}); give cpu or cuda"
            raise PageError(f"page pool: {told}") from None
        self._rows = self.data.view(n, -1).view(torch.int64)  # the same memory
        self._factors: Tensor | None = None

    def copy_pages(self, src: np.ndarray, dst: np.ndarray) -> None:
        """Make page dst[i] the same as page src[i]; no page is in both, and none twice in `dst`."""
        if not self.data.is_cuda:
            _copy_rows(self._rows.numpy(), src, dst)
        elif _HAS_TRITON:
            from . import page_copy_triton

            page_copy_triton.copy_pages(self._rows, self._index(src), self._index(dst))
        else:
            for a, b in zip(src.tolist(), dst.tolist(), strict=True):
                self._rows[b].copy_(self._rows[a])

    def hash_pages(self, pages: np.ndarray) -> np.ndarray:
        """(n,) uint64: equal for pages of equal bits, the same on every device; a sum of words times random numbers."""
        if self._factors is None:
            generator = torch.Generator().manual_seed(0)
            shape = self._rows.shape[1:]
            factors = torch.randint(-(2**63), 2**63 - 1, shape, generator=generator, dtype=torch.int64) | 1
            self._factors = factors.to(self.data.device)
        hashes = []
        for few in self._index(pages).split(self._step):
            words = self._rows[few]
            # Fold the high half down: a product never brings a difference to lower bits.
            hashes.append(((words ^ (words >> 32 & 0xFFFFFFFF)) * self._factors).sum(dim=1))
        return torch.cat(hashes).cpu().numpy().view(np.uint64) if hashes else np.empty(0, np.uint64)

    def equal_pages(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(n,) bool: whether page a[i] has the bits of page b[i]."""
        pairs = zip(self._index(a).split(self._step), self._index(b).split(self._step), strict=True)
        same = [(self._rows[few] == self._rows[others]).all(dim=1) for few, others in pairs]
        return torch.cat(same).cpu().numpy() if same else np.empty(0, bool)

    @property
    def _step(self) -> int:
        return max(1, _CHUNK.get(self.data.device.type, _CHUNK["cpu"]) // self._rows.shape[1])

    def _index(self, pages: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(pages, np.int64)).to(self.data.device)


@jit
def _copy_rows(rows, src, dst):
    for i in range(len(src)):
        rows[dst[i]] = rows[src[i]]  # a memcpy, compiled or not; indexing with whole arrays is 10 times slower
