"""Codecs: bytes, time and memory to store pages beside a plain copy of them, and what comes back.

Errors are of the same pages for every codec. Attention is computed in float32 from K/V as they were and as they come
back; its error is what is left of the difference between the two outputs. Where SmolLM2 is installed, its K/V of real
text are among the pages, and what it says behind a stored prefix is compared with what it says behind the prefix.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from itertools import cycle

import numpy as np
import torch
from torch import Tensor

from kvreplay.simulator.backends import PageLayout, codecs
from kvreplay.simulator.backends.codecs import CodecError, KVCodec, none
from kvreplay.simulator.backends.model import Llama, ModelError, PagedModel, SmolLM2
from kvreplay.simulator.backends.model.scoring import behind_stored

from . import Row
from .clock import devices, in_turns, peak_bytes
from .kv_samples import Sample, activations, samples
from .texts import texts

_LAYOUTS = {"Llama-3-8B, 16 tokens": PageLayout(32, 16, 8, 128), "SmolLM2-135M, 16 tokens": PageLayout(30, 16, 3, 64)}
_BATCHES = (1, 16)
_BYTES = 64 << 20  # of the pages that the calls go through in turn, so that they do not find them in a cache
_ERROR_LAYOUT = PageLayout(4, 64, 4, 64)  # pages of 64 tokens, so that the groups of int4-kivi and int2 are full
_ERROR_PAGES = 16
_PREFIX, _FOLLOWING, _PAGE, _ROWS = 1536, 256, 64, 64  # tokens: of real text, of a page, and of a product


def measure(*, rounds: int) -> Iterator[Row]:
    """Rows of speed by device, page size and batch, on one thread; then rows of errors by data."""
    torch.set_num_threads(1)
    for device in devices():
        for model, layout in _LAYOUTS.items():
            pages = next(samples(layout, max(_BYTES // layout.nbytes, *_BATCHES))).pages.to(device)
            for batch in _BATCHES:
                for codec in installed(layout):
                    yield _speed(codec, model, pages, batch, device, rounds)
    real = list(_real_texts())
    found = [activations(name, model, prefix, following, _PAGE) for name, model, prefix, following in real]
    for sample in [*samples(_ERROR_LAYOUT, _ERROR_PAGES), *found]:
        for codec in _lossy(sample.layout):
            yield _errors(codec, sample)
    if real:
        yield from _said_behind(real)


def installed(layout: PageLayout) -> list[KVCodec]:
    """The codecs whose packages are there."""
    there = []
    for name in codecs.names():
        with contextlib.suppress(CodecError):  # a package is missing
            there.append(codecs.get(name, layout))
    return there


def _lossy(layout: PageLayout) -> list[KVCodec]:
    return [codec for codec in installed(layout) if not codec.lossless]


def _real_texts() -> Iterator[tuple[str, Llama, np.ndarray, np.ndarray]]:
    """A name, the model, a prefix and what follows it, by text; none where the model is not installed."""
    try:
        smollm2 = SmolLM2(rows=_ROWS)
    except ModelError:
        return
    for name, text in texts().items():
        tokens = smollm2.encode(text)[: _PREFIX + _FOLLOWING]
        yield f"SmolLM2, {name}", smollm2.llama, tokens[:_PREFIX], tokens[_PREFIX:]


def _said_behind(real: list[tuple[str, Llama, np.ndarray, np.ndarray]]) -> Iterator[Row]:
    """Behind stored pages of bfloat16; and of float32, where the tokens that follow keep their own K/V unrounded."""
    title = f"What SmolLM2 says of {_FOLLOWING} tokens behind {_PREFIX:,} stored ones, the mean of {len(real)} texts"
    for dtype in (torch.bfloat16, torch.float32):
        paged = PagedModel(real[0][1], _PREFIX // _PAGE, page_tokens=_PAGE, kv_dtype=dtype)
        layout = paged.pool.layout
        scored = [_OneBitOff(layout), *(_lossy(layout) if dtype == torch.bfloat16 else [codecs.get("int8", layout)])]
        scores = [behind_stored(paged, scored, prefix, following) for _, _, prefix, following in real]
        for codec, of_texts in zip(scored, zip(*scores, strict=True), strict=True):
            kl, top1 = np.mean(of_texts, axis=0).tolist()
            cells = {"pages": str(dtype).removeprefix("torch."), "codec": codec.name}
            yield Row(title, cells | {"KL, nats a token": kl, "top-1 agreement": top1})


class _OneBitOff(none.Codec):
    """Stores all, but for the last bit of one number: what the least of errors comes to."""

    name = "none, one bit flipped"

    def _decode(self, rows: Tensor, pages: Tensor) -> None:
        super()._decode(rows, pages)
        pages.view(torch.uint8).view(-1)[0] ^= 1


def _speed(codec: KVCodec, model: str, pages: Tensor, n: int, device: str, rounds: int) -> Row:
    rows = codec.encode(pages)
    back, copied = pages.clone(), pages.clone()  # memory that the system has given already
    starts = range(0, len(pages) - n + 1, n)
    plain, encoded, decoded = (cycle(starts) for _ in range(3))

    def copy() -> None:
        at = next(plain)
        copied[at : at + n].copy_(pages[at : at + n])

    def encode() -> None:
        at = next(encoded)
        codec.encode(pages[at : at + n], out=rows[at : at + n])

    def decode() -> None:
        at = next(decoded)
        codec.decode(rows[at : at + n], out=back[at : at + n])

    spent = in_turns({"copy": copy, "encode": encode, "decode": decode}, rounds, device)
    plain_copy = float(np.median(spent["copy"]))
    cells: dict[str, str | int | float | None] = {
        "pages of": model,
        "device": device,
        "pages at once": n,
        "codec": codec.name,
        "stored bytes a page": sum(codec.lengths(rows)) / len(rows),
        "bits an element": codec.bits_per_element(rows),
    }
    for what, run in (("encode", encode), ("decode", decode)):
        median, late = (float(np.percentile(spent[what], q)) for q in (50, 99))
        cells |= {f"{what} us a page, p50": median / n, "p99" if what == "encode" else "p99 ": late / n}
        cells |= {f"{what} of a copy's speed": plain_copy / median, f"{what} peak bytes": peak_bytes(run, device)}
    return Row("Time and memory, in turns with a plain copy of the pages; peak: beyond pages and rows", cells)


def _errors(codec: KVCodec, sample: Sample) -> Row:
    rows = codec.encode(sample.pages)
    back = codec.decode(rows).float()
    true = sample.pages.float()
    cells: dict[str, str | int | float | None] = {
        "data": sample.name,
        "codec": codec.name,
        "bits an element": codec.bits_per_element(rows),
    }
    for side, what in enumerate("KV"):
        error = relative_error(true[:, :, side], back[:, :, side])
        cells |= {f"{what} relative error": error, f"{what} SQNR, dB": -20 * math.log10(error)}
    cells["attention output error"] = relative_error(attend(sample, true), attend(sample, back))
    return Row("Errors, relative to the norm of what is right", cells)


def relative_error(true: Tensor, got: Tensor) -> float:
    """||got - true|| / ||true||, in float64."""
    difference = got.double() - true.double()
    return float(difference.norm() / true.double().norm())


def attend(sample: Sample, pages: Tensor) -> Tensor:
    """(layers, queries, heads, head_dim): what `sample.queries` get from all tokens of float32 `pages`."""
    kv = pages.permute(1, 2, 4, 0, 3, 5).flatten(3, 4)  # (layers, 2, kv_heads, tokens, head_dim)
    queries = sample.queries.transpose(1, 2)  # (layers, heads, queries, head_dim)
    per_kv_head = queries.shape[1] // kv.shape[2]
    keys, values = (side.repeat_interleave(per_kv_head, dim=1) for side in (kv[:, 0], kv[:, 1]))
    return torch.nn.functional.scaled_dot_product_attention(queries, keys, values).transpose(1, 2)
