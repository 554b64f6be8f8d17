"""What a rank may ask for, and how that is told to the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor


class Put(NamedTuple):
    """Store `page` in the memory of this rank under `key` and hold it; where the key is known, hold the page there.

    Comes to the page's id, or None where this rank's memory is full.
    """

    key: bytes
    page: Tensor | None  # (*layout.shape); the others need not know it


class Get(NamedTuple):
    """Hold the page under `key`. Comes to its id, or None where there is none."""

    key: bytes


class Read(NamedTuple):
    """Comes to a copy of the content of a page that this rank holds, or None where it was lost."""

    id: int


class Write(NamedTuple):
    """Make a page that this rank holds its own, to be written (copy-on-write, "sync on write").

    Where others hold the page, too, or this rank more than once, one reference moves to a copy in the memory of this
    rank, and all others keep reading what they read before. Else the page stays, or moves here, and loses its key.
    Comes to the id of the page that may be written, by `DistributedPageDirectory.page`; None, and no change, where the
    page was lost or this rank's memory is full.
    """

    id: int


class Migrate(NamedTuple):
    """Move a page that this rank holds into the memory of the rank `to`, which owns it from then on.

    Comes to True; to False, and no change, where the page was lost, `to` is dead, or its memory is full.
    """

    id: int
    to: int


class Release(NamedTuple):
    """Give up one reference of this rank. A page that nobody holds is free. Comes to None."""

    id: int


Operation = Put | Get | Read | Write | Migrate | Release
_BY_ID: dict[str, type[Any]] = {kind.__name__: kind for kind in (Read, Write, Migrate, Release)}


def encode(operations: Sequence[Operation]) -> list[list[Any]]:
    """As JSON has it, without the pages."""
    return [
        [type(operation).__name__, operation.key.hex()]
        if isinstance(operation, Put | Get)
        else [type(operation).__name__, *operation]
        for operation in operations
    ]


def decode(written: list[list[Any]]) -> list[Operation]:
    operations: list[Operation] = []
    for name, *arguments in written:
        if name == "Put":
            operations.append(Put(bytes.fromhex(arguments[0]), None))
        elif name == "Get":
            operations.append(Get(bytes.fromhex(arguments[0])))
        else:
            operations.append(_BY_ID[name](*arguments))
    return operations
