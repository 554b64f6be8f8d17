"""Pages made up for traces that record lengths only, so that a cache can be tried at all on their arrivals.

What is shared is then an assumption, not a measurement: the trace's metadata says which. A synthesis is a function
of parameters, given as ``name:key=value:key=value``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import numpy as np
from annotated_types import Interval

from kvreplay import parameters

from .builder import Batch
from .errors import TraceError
from .formats.fields import PageTokens
from .formats.source import Source

_SHARED = np.uint64(1 << 63)  # marks the keys of shared pages


class Synthesis(NamedTuple):
    """Gives every request as many page keys as its prompt fills."""

    page_tokens: int
    keys: Callable[[np.ndarray], np.ndarray]  # (R,) int64 pages of R further requests -> their keys, uint64


def unique(*, page_tokens: PageTokens = 16) -> Synthesis:
    """No two requests share anything: the worst case."""
    used = 0

    def keys(counts: np.ndarray) -> np.ndarray:
        nonlocal used
        first = used
        used += int(counts.sum())
        return np.arange(first, used, dtype=np.uint64)

    return Synthesis(page_tokens, keys)


def zipf_prefix(
    *,
    page_tokens: PageTokens = 16,
    prefixes: Annotated[int, Interval(ge=1, le=10**6)] = 100,
    alpha: Annotated[float, Interval(ge=0, le=10)] = 1.0,
    share: Annotated[float, Interval(ge=0, le=1)] = 0.5,
    seed: Annotated[int, Interval(ge=0, lt=2**63)] = 0,
) -> Synthesis:
    """Each request begins with one of `prefixes` shared prefixes, drawn by Zipf's law of exponent `alpha`.

    The first `share` of its pages, rounded down, are the prefix's; the others are its own.
    """
    random = np.random.default_rng(seed)
    weights = np.arange(1, prefixes + 1, dtype=np.float64) ** -alpha
    cumulative = np.cumsum(weights / weights.sum())[:-1]
    own = unique().keys

    def keys(counts: np.ndarray) -> np.ndarray:
        drawn = np.searchsorted(cumulative, random.random(len(counts)), side="right")
        prefix = np.repeat(drawn, counts).astype(np.uint64)
        place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)  # of a page in its request
        shared = place < np.repeat(np.floor(counts * share), counts)
        of_prefix = _SHARED | prefix << np.uint64(32) | place.astype(np.uint64)
        return np.where(shared, of_prefix, own(counts))

    return Synthesis(page_tokens, keys)


_NAMES = {"unique": unique, "zipf-prefix": zipf_prefix}


def names() -> list[str]:
    """The syntheses there are."""
    return list(_NAMES)


def parse(spec: str) -> tuple[Synthesis, dict[str, Any]]:
    """The synthesis that ``name:key=value:...`` stands for, and its name and every parameter.

    Raises TraceError for an unknown name, ParameterError for wrong parameters.
    """
    name, *pairs = spec.split(":")
    if name not in _NAMES:
        raise TraceError(f"unknown synthesis {name!r}", mend=parameters.nearest(name, names()))
    if not all("=" in pair for pair in pairs):
        raise TraceError(f"synthesis {spec!r} is malformed", mend="write name:key=value:key=value")
    given = dict(pair.split("=", 1) for pair in pairs)
    params = parameters.check(_NAMES[name], f"synthesis {name}", given)
    return _NAMES[name](**params), {"name": name, **params}


def with_pages(source: Source, batch: Batch, synthesis: Synthesis) -> Batch:
    """`batch` of `source` with made-up pages. Raises TraceError where it has pages already."""
    if batch.keys is not None or batch.prompt_tokens is None:
        raise source.error("has pages of its own", mend="leave out the synthesis")
    counts = -(-batch.prompt_tokens.astype(np.int64) // synthesis.page_tokens)
    return batch._replace(keys=synthesis.keys(counts), counts=counts.astype(np.int32))
