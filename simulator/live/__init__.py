"""Real servers: a trace is sent to one and timed (`replay`), or one's traffic becomes a trace (`proxy`).

The clock here is the wall's. Whatever comes out is measured; what is modelled is in `serving`.
"""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(
    __name__,
    {
        "LiveError": ".errors",
        "LiveRun": ".run",
        "open_run": ".run",
        "record": ".proxy",
        "replay_live": ".replay",
    },
)
