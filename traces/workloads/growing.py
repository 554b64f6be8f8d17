"""Sessions whose prompts grow: page identity without text, and the trace made of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..builder import Batch, TraceBuilder
from ..errors import TraceError
from ..trace import Trace

_CHUNK = 1 << 20  # page accesses keyed at a time


class Turns(NamedTuple):
    """Requests in any order. A prompt is its preamble, then what its session said so far, then its own."""

    seconds: np.ndarray  # (R,) float64: arrival
    session: np.ndarray  # (R,) int64
    preamble: np.ndarray  # (R,) int64: which preamble the session opens with
    session_tokens: np.ndarray  # (R,) int64: how much, preamble included, later turns repeat
    prompt_tokens: np.ndarray  # (R,) int64: at least session_tokens
    output_tokens: np.ndarray  # (R,) int64


def within_context(turns: Turns, limit: int) -> Turns:
    """The turns whose prompt and answer fit into `limit` tokens. Raises TraceError where none does."""
    fits = turns.prompt_tokens + turns.output_tokens <= limit
    if not fits.any():
        raise TraceError(f"no prompt fits into context_limit {limit}", mend="raise it or shorten the prompts")
    return Turns(*(column[fits] for column in turns))


def build(name: str, turns: Turns, preamble_tokens: int, page_tokens: int, requests: int | None) -> Trace:
    """The first `requests` turns in order of time, as a trace. Raises TraceError where there are fewer."""
    if requests is not None and requests > len(turns.seconds):
        raise TraceError(
            f"{name}: the sessions make {len(turns.seconds)} requests, {requests} are asked for",
            mend="raise sessions",
        )
    order = np.argsort(turns.seconds, kind="stable")[:requests]
    turns = Turns(*(column[order] for column in turns))
    counts = -(-turns.prompt_tokens // page_tokens)
    ends = np.cumsum(counts)
    cuts = np.searchsorted(ends, np.arange(_CHUNK, ends[-1], _CHUNK), side="right")
    with TraceBuilder() as builder:
        for start, stop in zip([0, *cuts], [*cuts, len(counts)], strict=True):
            if start == stop:
                continue
            part = Turns(*(column[start:stop] for column in turns))
            builder.add(
                Batch(
                    _page_keys(part, start, counts[start:stop], preamble_tokens, page_tokens),
                    counts[start:stop].astype(np.int32),
                    arrival=part.seconds,
                    prompt_tokens=part.prompt_tokens,
                    output_tokens=part.output_tokens,
                    session=part.session,
                )
            )
        return builder.finish(name, page_tokens=page_tokens)


def _page_keys(turns: Turns, first: int, counts: np.ndarray, preamble_tokens: int, page_tokens: int) -> np.ndarray:
    """Page keys (K,) uint64 of the requests `first`, `first` + 1, ...: equal where the prefix is.

    A full page within the preamble belongs to it, one within what the session said to the session, any other
    (the last, partly filled one always) to the request alone. Key: owner kind, owner, position.
    """
    position = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    end = (position + 1) * page_tokens
    owner = np.repeat(np.arange(first, first + len(counts)), counts)
    kind = np.full(len(position), 2)
    in_session = end <= np.repeat(turns.session_tokens, counts)
    owner[in_session] = np.repeat(turns.session, counts)[in_session]
    kind[in_session] = 1
    in_preamble = end <= preamble_tokens
    owner[in_preamble] = np.repeat(turns.preamble, counts)[in_preamble]
    kind[in_preamble] = 0
    return ((kind << 62) | (owner << 31) | position).astype(np.uint64)


def running_total(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Inclusive running sum of `values` that starts anew with each run of equal `group`."""
    total = np.cumsum(values)
    first = np.flatnonzero(np.diff(group, prepend=-1))
    before = total[first] - values[first]
    return total - np.repeat(before, np.diff(first, append=len(values)))
