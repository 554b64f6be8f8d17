"""Pages that sequences share: the pool of physical pages, and the prefix cache that finds them by their tokens."""

from kvreplay.lazy import lazy

__getattr__, __all__ = lazy(
    __name__,
    {
        "PageContent": ".page_pool",
        "PageError": ".page_pool",
        "PagePool": ".page_pool",
        "PoolStats": ".page_pool",
        "Prefix": ".prefix_cache",
        "PrefixCache": ".prefix_cache",
        "PrefixStats": ".prefix_cache",
    },
)
