"""What an offline policy is told: for every page access, when the same page comes next."""

from __future__ import annotations

import functools
import threading

import numpy as np

from kvreplay.jit import jit
from kvreplay.policies import Future
from kvreplay.traces.trace import Trace

_lock = threading.Lock()


def future_of(trace: Trace) -> Future:
    """The trace's pages and next uses; computed once for all the cells of a trace."""
    with _lock:  # cells run on threads, and would each compute it
        return _future_of(trace)


@functools.lru_cache(maxsize=1)
def _future_of(trace: Trace) -> Future:
    next_use = np.empty(len(trace.pages), np.int64)
    _fill_next_use(trace.pages, next_use, np.full(trace.n_pages, len(trace.pages), np.int64))
    next_use.flags.writeable = False
    return Future(trace.pages, next_use)


@jit
def _fill_next_use(pages, next_use, upcoming):
    for now in range(len(pages) - 1, -1, -1):
        next_use[now] = upcoming[pages[now]]
        upcoming[pages[now]] = now
