"""Mooncake JSONL: requests as lists of block ids, where equal ids stand for equal prefixes.

``{"timestamp": ms, "input_length": tokens, "output_length": tokens, "hash_ids": [block, ...]}``, with an optional
``session``. Published with "Mooncake: Trading More Storage for Less Computation", FAST 2025; its blocks hold 512
tokens, those of other traces in this format another number.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..builder import Batch
from . import Facts, jsonl
from .fields import Clock, Labels, PageTokens
from .hash_ids import BlockSize, block_ids
from .source import Source

VERSION = 1


def sniff(head: bytes, name: str) -> bool:
    return jsonl.has_fields(head, "hash_ids")


def read(source: Source, add: Callable[[Batch], None], *, page_tokens: PageTokens | None = None) -> Facts:
    """`page_tokens`: tokens in a block; by default the number that fits every request's input_length."""
    clock, sessions, size = Clock(source, per_second=1000), Labels(), BlockSize(page_tokens)
    has_session = False
    for group in jsonl.groups(source, optional=("session",)):
        has_session = has_session or "session" in group[0].fields
        ids = [block_ids(record, size) for record in group]
        add(
            Batch(
                keys=np.concatenate(ids),
                counts=np.array([len(blocks) for blocks in ids], np.int32),
                arrival=clock.seconds(np.array([r.number("timestamp") for r in group]), [r.line for r in group]),
                prompt_tokens=np.array([record.integer("input_length") for record in group]),
                output_tokens=np.array([record.integer("output_length") for record in group]),
                session=sessions.number(record.label("session") for record in group) if has_session else None,
            )
        )
    return Facts(size.tokens, {"start": clock.start}, size.notes())
