"""A column of another trace, for arrivals and lengths that follow a recorded one."""

from __future__ import annotations

import numpy as np

from ..errors import TraceError


def column(source: str, name: str) -> np.ndarray:
    """Column `name` of the trace `source` (path or catalogue name). Raises TraceError where it has none."""
    # Late: kvreplay.traces offers the workloads, and these ask it for a trace.
    from .. import load

    values = getattr(load(source), name)
    if values is None:
        raise TraceError(f"trace {source!r} has no column {name}", mend="take a trace that records it")
    return values
