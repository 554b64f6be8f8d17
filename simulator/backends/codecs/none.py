"""No compression: a page's own bytes. Stores every bit pattern, also what is not finite."""

from __future__ import annotations

import torch
from torch import Tensor

from .base import KVCodec


class Codec(KVCodec):
    """The identity."""

    lossless = True

    @property
    def row_bytes(self) -> int:
        return self.layout.nbytes

    def _encode(self, pages: Tensor, rows: Tensor) -> None:
        rows.copy_(pages.view(len(pages), -1).view(torch.uint8))

    def _decode(self, rows: Tensor, pages: Tensor) -> None:
        pages.view(len(rows), -1).view(torch.uint8).copy_(rows)
