"""Some of a trace's requests as a trace of its own."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .trace import COLUMNS, Trace


def subset(trace: Trace, keep: np.ndarray, **columns: np.ndarray) -> Trace:
    """The requests of `trace` that `keep` says, (R,) bool, or (n,) int64, their numbers in the order to have them in.

    Their pages are numbered anew, as first seen; sizes and costs of pages stay those of the whole trace. `columns` are
    taken instead of the trace's.
    """
    accesses = _within(keep, trace.offsets)
    pages, first = np.unique(trace.pages[accesses], return_index=True)
    former = pages[np.argsort(first)]  # by new number
    number = np.full(trace.n_pages, -1, np.int32)
    number[former] = np.arange(len(former), dtype=np.int32)
    changes: dict[str, Any] = {"pages": number[trace.pages[accesses]].astype(np.uint32), "n_pages": len(former)}
    changes |= columns
    kept = {"page access": accesses, "request": keep, "page": former}
    for name, (_, index) in COLUMNS.items():
        column = getattr(trace, name)
        if column is not None and index in kept and name not in changes:
            changes[name] = column[kept[index]]
    if trace.parent is not None:  # all pages before a page are in the same requests: they are kept with it
        before = trace.parent[former]
        changes["parent"] = np.where(before < 0, np.int32(-1), number[before])
    if trace.text_offsets is not None and trace.text_bytes is not None:
        changes["text_bytes"] = trace.text_bytes[_within(keep, trace.text_offsets)]
    for name in ("page_offsets", "text_offsets"):
        offsets = getattr(trace, name)
        if offsets is not None:
            changes[name] = np.concatenate([[0], np.cumsum(np.diff(offsets)[keep])])
    return dataclasses.replace(trace, **changes)


def _within(keep: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Which of the things that requests have, request after request from `offsets` on, those have that are kept."""
    counts = np.diff(offsets)
    if keep.dtype == bool:
        return np.repeat(keep, counts)
    own = counts[keep]
    return np.repeat(offsets[keep] - (np.cumsum(own) - own), own) + np.arange(own.sum())
