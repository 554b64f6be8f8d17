"""What a request meets before anything is computed: exact match, semantic match, shared prefix pages.

One file per tier, each a class with `lookup`, `insert` and `stats`, and with a capacity that may change while it runs;
`embedders` turns prompts into vectors and `indexes` finds the nearest of them. Untimed replay, the timed simulator
and the real memory behind it drive the same objects: what differs is who keeps the clock.
"""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(
    __name__,
    {
        "CacheError": ".errors",
        "ExactCache": ".exact",
        "HybridCache": ".hybrid",
        "Request": ".request",
        "SemanticCache": ".semantic",
    },
)
