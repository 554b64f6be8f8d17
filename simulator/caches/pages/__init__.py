"""Pages that sequences share: the pool of physical pages, and the prefix cache that finds them by their tokens."""

from .page_pool import PageContent, PageError, PagePool, PoolStats

__all__ = ["PageContent", "PageError", "PagePool", "PoolStats"]
