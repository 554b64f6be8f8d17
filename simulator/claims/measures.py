"""Figures that do not come from replays: what memory a shape takes, and how long this machine's caches take."""

from __future__ import annotations

from collections.abc import Callable, Iterable

# name -> (measured or modelled, function giving a figure per round in ratios, bytes, seconds or operations per second)
MEASURES: dict[str, tuple[str, Callable[..., Iterable[float]]]] = {}
