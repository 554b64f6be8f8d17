"""What goes wrong with a cache, an embedder or an index: one exception, whose message is a single line."""

from __future__ import annotations


class CacheError(ValueError):
    """A cache, embedder or index is unknown, cannot run here, or was given what it cannot take; nothing changed.

    The message reads ``where: what is wrong; how to mend it``.
    """
