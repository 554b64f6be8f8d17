"""An OpenAI-compatible server whose requests meet the tiers in turn: exact, semantic, prefix pages, the model.

One thread, the engine, owns caches, pages and model; HTTP handlers hand it questions and get pieces of answers back.
Needs the extra `serve`.
"""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(
    __name__,
    {
        "Engine": ".engine",
        "Settings": ".settings",
        "running_server": ".run",
        "serve": ".run",
    },
)
