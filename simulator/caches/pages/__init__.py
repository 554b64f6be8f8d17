"""Pages that sequences share: the pool of physical pages, the prefix cache that finds them, and sequences over both."""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(
    __name__,
    {
        "Concurrency": ".concurrent",
        "PageContent": ".page_pool",
        "PageError": ".page_pool",
        "PagePool": ".page_pool",
        "PagedSequences": ".sequences",
        "PoolStats": ".page_pool",
        "Prefix": ".prefix",
        "PrefixCache": ".prefix_cache",
        "PrefixStats": ".prefix",
        "Sequence": ".sequences",
        "replay_concurrent": ".concurrent",
    },
)
