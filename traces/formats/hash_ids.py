"""Requests as lists of block ids beside their length in tokens: what the Mooncake and Bailian readers share."""

from __future__ import annotations

import numpy as np

from .jsonl import Record

_PREFERRED = 512  # where several sizes fit: Mooncake's


class BlockSize:
    """Tokens in a block: checked against every request if given, else the size that fits them all.

    A last block that is partly filled may count (``ceil(input_length / size)`` hash_ids) or be left out (``floor``),
    the same way throughout a file: both are kept in mind until a request rules one out.
    """

    def __init__(self, given: int | None = None) -> None:
        self._given = given
        # The sizes that fit so far, from low to high, both included.
        self._with_partial = (given, given) if given else (1, 1 << 30)
        self._full_only = self._with_partial

    def add(self, record: Record, blocks: int) -> None:
        """Take note of a request. Raises TraceError where no size fits it and all requests before."""
        tokens = record.integer("input_length")
        top = 1 << 30
        # ceil(tokens / size) == blocks and floor(tokens / size) == blocks, each solved for size.
        ceil = (-(-tokens // blocks), (tokens - 1) // (blocks - 1) if blocks > 1 else top) if blocks else (1, top)
        floor = (tokens // (blocks + 1) + 1, tokens // blocks if blocks else top)
        self._with_partial = _common(self._with_partial, ceil if (blocks == 0) == (tokens == 0) else (1, 0))
        self._full_only = _common(self._full_only, floor)
        if _empty(self._with_partial) and _empty(self._full_only):
            what = f"{blocks} hash_ids for an input_length of {tokens}"
            if self._given:
                expected = f"{-(-tokens // self._given)}, or {tokens // self._given} of full blocks only"
                raise record.error(what, mend=f"page_tokens={self._given} would make it {expected} throughout")
            raise record.error(what, mend="no block size fits it and the requests before; correct the line")

    @property
    def tokens(self) -> int:
        """The given size; else, of the sizes that fit, 512, or the smallest power of two, or the smallest."""
        low, high = self._full_only if _empty(self._with_partial) else self._with_partial
        fits = [size for size in (_PREFERRED, 1 << (low - 1).bit_length()) if low <= size <= high]
        return (fits or [low])[0]

    def notes(self) -> list[str]:
        """What a person should know of how the requests were read."""
        low, high = self._full_only if _empty(self._with_partial) else self._with_partial
        notes = ["hash_ids cover full blocks only"] if _empty(self._with_partial) else []
        if not self._given:
            also = "" if low == high else f", as would any size from {low} to {high}"
            notes.append(f"blocks of {self.tokens} tokens fit every request{also}")
        return notes


def block_ids(record: Record, size: BlockSize) -> np.ndarray:
    """(K,) uint64 hash_ids of a request. Raises TraceError for anything else than whole numbers from 0."""
    ids = record.fields.get("hash_ids")
    if not isinstance(ids, list):
        raise record.error("has no list 'hash_ids'", mend="name another format if this is no Mooncake trace")
    if any(type(block) is not int or not 0 <= block < 1 << 64 for block in ids):
        raise record.error("a hash_id is no whole number from 0 to 2**64 - 1", mend="correct the line")
    size.add(record, len(ids))
    return np.array(ids, np.uint64)


def _common(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return max(one[0], other[0]), min(one[1], other[1])


def _empty(span: tuple[int, int]) -> bool:
    return span[0] > span[1]
