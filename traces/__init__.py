"""Where requests come from: the Trace, its store, readers (`formats`), generators (`workloads`) and the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvreplay.lazy import lazy

if TYPE_CHECKING:
    from .builder import Batch as Batch
    from .builder import TraceBuilder as TraceBuilder
    from .errors import TraceError as TraceError
    from .loading import load as load
    from .trace import Trace as Trace
    from .workloads import generate as generate

__getattr__, __all__ = lazy(
    __name__,
    {
        "Batch": ".builder",
        "Trace": ".trace",
        "TraceBuilder": ".builder",
        "TraceError": ".errors",
        "generate": ".workloads",
        "load": ".loading",
    },
)
