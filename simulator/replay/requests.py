"""What a policy may look up about the requests of a trace."""

from __future__ import annotations

import functools
import threading

import numpy as np

from kvreplay.policies import Requests
from kvreplay.traces.trace import Trace

_TURNS = 10  # the later turns of a session count as one category

_lock = threading.Lock()


def requests_of(trace: Trace) -> Requests:
    """The requests of `trace`, as policies see them; computed once for all the cells of a trace.

    The category of a request is its turn: how many requests its session made before it, at most 9.
    """
    with _lock:  # cells run on threads, and would each compute it
        return _requests_of(trace)


@functools.lru_cache(maxsize=1)
def _requests_of(trace: Trace) -> Requests:
    arrival, prompt_tokens = trace.arrival, trace.prompt_tokens
    if arrival is None:
        arrival = _frozen(np.arange(trace.n_requests, dtype=np.float64))
    if prompt_tokens is None:
        prompt_tokens = _frozen(np.zeros(trace.n_requests, np.int32))
    category = _frozen(_turns(trace))
    return Requests(trace.offsets, trace.pages, arrival, prompt_tokens, trace.page_tokens or 0, category)


def _turns(trace: Trace) -> np.ndarray:
    """(R,) int32: number of each request within its session, capped; -1 where the trace does not know the session."""
    if trace.session is None:
        return np.full(trace.n_requests, -1, np.int32)
    order = np.argsort(trace.session, kind="stable")
    sessions = trace.session[order]
    first = np.flatnonzero(np.diff(sessions, prepend=sessions[:1] - 1))
    lengths = np.diff(first, append=len(order))
    turns = np.empty(trace.n_requests, np.int32)
    turns[order] = np.minimum(np.arange(len(order)) - np.repeat(first, lengths), _TURNS - 1)
    turns[trace.session < 0] = -1
    return turns


def _frozen(column: np.ndarray) -> np.ndarray:
    """`column`, read-only as those of a trace are: numba compiles the two kinds separately."""
    column.flags.writeable = False
    return column
