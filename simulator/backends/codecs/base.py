"""What a codec is: pages in, rows of bytes out, and back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor

from ..layout import PageLayout

# Elements that are worked on at a time: bounds the float32 copies. On a CPU they then stay in its cache.
_CHUNK = {"cpu": 1 << 18, "cuda": 1 << 26}


class CodecError(ValueError):
    """A codec is unknown, was given what it cannot store, or a stored page that is not its own."""


class KVCodec(ABC):
    """Stores pages of one layout in fewer bytes. Made by `get`.

    A stored page is a row of `row_bytes` bytes, scales and all; nothing else is needed to decode it. Rows may live
    on any device and are decoded where they are.
    """

    name: str
    lossless = False

    def __init__(self, layout: PageLayout) -> None:
        self.layout = layout

    @property
    @abstractmethod
    def row_bytes(self) -> int:
        """Bytes that a row has. Lossless codecs may fill only the beginning: see `lengths`."""

    def lengths(self, rows: Tensor) -> list[int]:
        """Bytes of each of `rows`, (n, row_bytes) uint8, that hold anything: what a store has to keep."""
        return [self.row_bytes] * len(rows)

    def bits_per_element(self, rows: Tensor) -> float:
        """Bits that stored `rows` take per element of their pages, scales and headers counted."""
        return 8 * sum(self.lengths(rows)) / (len(rows) * self.layout.elements)

    def encode(self, pages: Tensor, out: Tensor | None = None) -> Tensor:
        """Rows, (n, row_bytes) uint8, of `pages`, (n, *layout.shape); written to `out` where given.

        Raises CodecError where shapes, types or devices do not fit, and where a lossy codec meets an element that
        is not finite; `out` is then undefined.
        """
        pages = self._checked("pages", pages, self.layout.shape, self.layout.dtype)
        rows = self._result("out", out, len(pages), (self.row_bytes,), torch.uint8, pages.device)
        if len(pages):
            self._encode(pages, rows)
        return rows

    def decode(self, rows: Tensor, out: Tensor | None = None) -> Tensor:
        """Pages, (n, *layout.shape), of `rows`, (n, row_bytes) uint8; written to `out` where given.

        Raises CodecError where shapes, types or devices do not fit, or a row is not one of this codec.
        """
        rows = self._checked("rows", rows, (self.row_bytes,), torch.uint8)
        pages = self._result("out", out, len(rows), self.layout.shape, self.layout.dtype, rows.device)
        if len(rows):
            self._decode(rows, pages)
        return pages

    @abstractmethod
    def _encode(self, pages: Tensor, rows: Tensor) -> None: ...

    @abstractmethod
    def _decode(self, rows: Tensor, pages: Tensor) -> None: ...

    def _chunks(self, pages: Tensor, rows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """A few pages at a time, with their rows."""
        step = max(1, _CHUNK.get(pages.device.type, _CHUNK["cpu"]) // self.layout.elements)
        return zip(pages.split(step), rows.split(step), strict=True)

    def _refuse(self, pages: Tensor) -> CodecError:
        """The error that names the first element of `pages` that cannot be stored."""
        bad = (~torch.isfinite(pages)).nonzero()
        if not len(bad):
            return CodecError(f"{self.name}: values span more than float32 can tell; scale them down")
        page, layer, side, token, head, channel = bad[0].tolist()
        return CodecError(
            f"{self.name}: page {page} holds {pages[tuple(bad[0])].item()} in layer {layer}, {'KV'[side]}, "
            f"token {token}, head {head}, channel {channel}; give finite values"
        )

    def _checked(self, what: str, given: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        if given.dtype != dtype or given.shape[1:] != shape:
            raise CodecError(
                f"{self.name}: {what} are {given.dtype} {tuple(given.shape)}; give {dtype} {('n', *shape)}"
            )
        return given.contiguous()

    def _result(
        self,
        what: str,
        given: Tensor | None,
        n: int,
        shape: tuple[int, ...],
        dtype: torch.dtype,
        device: torch.device,
    ) -> Tensor:
        if given is None:
            return torch.empty((n, *shape), dtype=dtype, device=device)
        if given.dtype != dtype or given.shape != (n, *shape) or given.device != device or not given.is_contiguous():
            raise CodecError(
                f"{self.name}: {what} is {given.dtype} {tuple(given.shape)} on {given.device}; "
                f"give a contiguous {dtype} {(n, *shape)} on {device}"
            )
        return given
