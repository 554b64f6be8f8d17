"""Tiers of pages: time to put and get one, and the link below which a codec pays at a tier's boundary."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kvreplay.simulator.backends import PageLayout
from kvreplay.simulator.backends.codecs import KVCodec
from kvreplay.simulator.backends.tiers import MemoryTier, SlabTier, Tier
from kvreplay.simulator.backends.tiers.break_even import break_even

from . import Row
from .clock import devices, in_turns
from .codecs import installed
from .kv_samples import samples

_LAYOUT = PageLayout(32, 16, 8, 128)  # Llama-3-8B: 2 MiB
_PAGES = 24  # more than a cache holds


def measure(*, rounds: int) -> Iterator[Row]:
    """Rows of each kind of tier and codec, then of each codec beside the links; on one thread.

    The disk is that of the temporary folder ($TMPDIR), what the system keeps of it in memory included.
    """
    torch.set_num_threads(1)
    for device in devices():
        pages = next(samples(_LAYOUT, _PAGES)).pages.to(device)
        spent: dict[Any, dict[str, float]] = {}
        for kind in ("host", "disk"):
            for codec in installed(_LAYOUT):
                times = spent[kind, codec.name] = _write_and_read(kind, codec, pages, device, rounds)
                cells: dict[str, Any] = {"pages on": device, "tier": kind, "codec": codec.name}
                yield Row(
                    f"A page of {_LAYOUT.nbytes >> 20} MiB into a tier and back, codec included, medians", cells | times
                )
        for codec in installed(_LAYOUT):
            if codec.name != "none":
                yield _pays(codec, pages, spent, device, rounds)


def _write_and_read(kind: str, codec: KVCodec, pages: Tensor, device: str, rounds: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        tier: Tier
        if kind == "host":
            tier = MemoryTier(kind, _LAYOUT, len(pages), codec=codec.name)
        else:
            tier = SlabTier(kind, _LAYOUT, len(pages), Path(folder) / "slab", codec=codec.name)
        writing, reading = (cycle(range(len(pages))) for _ in range(2))
        out = torch.empty_like(pages[0])

        def write() -> None:
            place = next(writing)
            tier.write(place, b"page", codec.encode(pages[place : place + 1])[0])

        def read() -> None:
            assert tier.read(next(reading), b"page", out)

        for _ in pages:
            write()
        spent = in_turns({"write us": write, "read us": read}, rounds, device)
        tier.close()
    return {name: float(np.median(times)) for name, times in spent.items()}


def _pays(codec: KVCodec, pages: Tensor, spent: dict[Any, dict[str, float]], device: str, rounds: int) -> Row:
    page, out = pages[:1], torch.empty_like(pages[:1])
    row = codec.encode(page)
    runs = {"encode": lambda: codec.encode(page, out=row), "decode": lambda: codec.decode(row, out=out)}
    encode, decode = (float(np.median(times)) / 1e6 for times in in_turns(runs, rounds, device).values())
    (stored,) = codec.lengths(row)
    below = break_even(_LAYOUT.nbytes, stored, encode, decode)
    cells: dict[str, Any] = {"pages on": device, "codec": codec.name, "stored bytes": stored, "below GB/s": below / 1e9}
    for kind in ("host", "disk"):
        link = _LAYOUT.nbytes / (np.mean(list(spent[kind, "none"].values())) / 1e6)
        cells |= {f"{kind} GB/s": link / 1e9, f"on {kind}": "pays" if link < below else "costs"}
    return Row("Compressing pays on links slower than the break-even; links measured without codec", cells)
