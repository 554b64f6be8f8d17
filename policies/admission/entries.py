"""How many entries a sketch or a filter is made for."""

from __future__ import annotations

from typing import Any


def entries(capacity: int, n_pages: int, page_bytes: Any, byte_capacity: int | None) -> int:
    """Pages that fit the cache, at most n_pages; by their mean size where they differ in size. At least 1."""
    if page_bytes is not None and byte_capacity is not None:
        capacity = n_pages * byte_capacity // max(int(page_bytes.sum()), 1)
    return max(min(capacity, n_pages), 1)
