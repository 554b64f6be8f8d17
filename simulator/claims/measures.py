"""Figures that do not come from replays: what memory a shape takes, and how long this machine's caches take."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from . import serving

# name -> (measured or modelled, function giving a figure per round in ratios, bytes, seconds or operations per second)
MEASURES: dict[str, tuple[str, Callable[..., Iterable[float]]]] = {
    "throughput_gain": ("modelled", serving.throughput_gain),
    "tokens_per_second": ("modelled", serving.tokens_per_second),
    "replicas_gain": ("modelled", serving.replicas_gain),
    "first_token_seconds": ("modelled", serving.first_token_seconds),
}
