"""Copying pages of K/V beside a plain copy of as many bytes. The pool's bookkeeping is measured by `bench pages`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

import numpy as np
import torch

from kvreplay.simulator.backends import PageLayout
from kvreplay.simulator.backends.page_data import PageData

from . import Row
from .clock import devices, in_turns

_LAYOUTS = {
    "Llama-3-8B, 16 tokens": PageLayout(32, 16, 8, 128),
    "SmolLM2-135M, 16 tokens": PageLayout(30, 16, 3, 64),
    "one layer of the former": PageLayout(1, 16, 3, 64),
}
_BYTES = 256 << 20  # of the pages of a table, so that no cache holds them


def measure(*, rounds: int) -> Iterator[Row]:
    """Rows of pages copied by number, on one thread and on the GPU where there is one."""
    torch.set_num_threads(1)
    for device in devices():
        for model, layout in _LAYOUTS.items():
            for n in (1, 64):
                yield _copies(model, layout, n, device, rounds)


def _copies(model: str, layout: PageLayout, n: int, device: str, rounds: int) -> Row:
    pages = _BYTES // layout.nbytes
    content = PageData(layout, pages, device)
    content.data.zero_()
    shuffled = np.random.default_rng(0).permutation(pages).astype(np.int32)
    batches = shuffled[: pages // (2 * n) * 2 * n].reshape(-1, 2, n)  # sources and targets
    plain, by_page, by_index = (cycle(range(len(batches))) for _ in range(3))  # each run goes through all memory

    def copy() -> None:
        at = 2 * n * next(plain)
        content.data[at : at + n].copy_(content.data[at + n : at + 2 * n])

    def index() -> None:
        src, dst = (torch.from_numpy(ids).long().to(device) for ids in batches[next(by_index)])
        content.data[dst] = content.data[src]

    runs = {"copy": copy, "pages": lambda: content.copy_pages(*batches[next(by_page)]), "index": index}
    spent = {name: float(np.median(times)) / n for name, times in in_turns(runs, rounds, device).items()}
    cells = {
        "pages of": model,
        "device": device,
        "bytes a page": layout.nbytes,
        "pages at once": n,
        "us a page": spent["pages"],
        "of a plain copy's speed": spent["copy"] / spent["pages"],
        "by indexing": spent["copy"] / spent["index"],
    }
    return Row("Copying pages, medians in turns; the plain copy is of as many bytes in one piece", cells)
