"""Some of a trace's requests as a trace of its own."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from .trace import COLUMNS, Trace


def subset(trace: Trace, keep: np.ndarray) -> Trace:
    """The requests of `trace` for which `keep`, (R,) bool, is true; their pages are numbered anew, as first seen.

    Sizes and costs of pages stay those of the whole trace.
    """
    accesses = np.repeat(keep, np.diff(trace.offsets))
    pages, first = np.unique(trace.pages[accesses], return_index=True)
    former = pages[np.argsort(first)]  # by new number
    number = np.full(trace.n_pages, -1, np.int32)
    number[former] = np.arange(len(former), dtype=np.int32)
    changes: dict[str, Any] = {"pages": number[trace.pages[accesses]].astype(np.uint32), "n_pages": len(former)}
    kept = {"page access": accesses, "request": keep, "page": former}
    for name, (_, index) in COLUMNS.items():
        column = getattr(trace, name)
        if column is not None and index in kept and name not in changes:
            changes[name] = column[kept[index]]
    if trace.parent is not None:  # all pages before a page are in the same requests: they are kept with it
        before = trace.parent[former]
        changes["parent"] = np.where(before < 0, np.int32(-1), number[before])
    if trace.text_offsets is not None and trace.text_bytes is not None:
        changes["text_bytes"] = trace.text_bytes[np.repeat(keep, np.diff(trace.text_offsets))]
    for name in ("page_offsets", "text_offsets"):
        offsets = getattr(trace, name)
        if offsets is not None:
            changes[name] = np.concatenate([[0], np.cumsum(np.diff(offsets)[keep])])
    return dataclasses.replace(trace, **changes)
