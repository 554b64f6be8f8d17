"""A tier in memory: of a GPU, or of the host, then pinned where a GPU is to read it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..layout import PageLayout
from .tier import Tier, TierError


class MemoryTier(Tier):
    """`capacity` pages on `device`, a row each, encoded on the device that a page comes from.

    Raises TierError where there is no such device or not enough memory.
    """

    def __init__(
        self,
        name: str,
        layout: PageLayout,
        capacity: int,
        *,
        policy: Any = "lru",
        codec: str = "none",
        device: str | torch.device = "cpu",
    ) -> None:
        super().__init__(name, layout, capacity, policy=policy, codec=codec)
        pinned = torch.device(device).type == "cpu" and torch.cuda.is_available()
        shape = (capacity, self.codec.row_bytes)
        try:
            self._rows = torch.empty(shape, dtype=torch.uint8, device=device, pin_memory=pinned)
        except (RuntimeError, AssertionError) as error:  # the latter where torch knows no such device
            raise TierError(
                f"tier {name}: {device} has no room for {capacity} pages of {self.codec.row_bytes:,} bytes "
                f"({str(error).splitlines()[0]}); give fewer, or another device"
            ) from None

    def write(self, place: int, key: bytes, row: Tensor) -> None:
        self._rows[place].copy_(row, non_blocking=True)
        self.stats.bytes_written += row.nbytes

    def read(self, place: int, key: bytes, out: Tensor) -> bool:
        row = self._rows[place : place + 1].to(out.device, non_blocking=True)
        self.stats.bytes_read += row.nbytes
        self.codec.decode(row, out=out[None])
        return True

    def close(self) -> None:
        self._rows = self._rows.new_empty(0)
