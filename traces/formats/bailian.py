"""Qwen-Bailian JSONL: as Mooncake's, with times in seconds and chats that continue an earlier one.

``{"chat_id", "parent_chat_id" (-1: none), "timestamp": seconds, "input_length", "output_length", "type", "turn",
"hash_ids"}``, blocks of 16 tokens. Published with "KVCache Cache in the Wild", USENIX ATC 2025. A session is a chat
and all that continue it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..builder import Batch
from . import Facts, jsonl
from .fields import Clock, PageTokens
from .hash_ids import BlockSize, block_ids
from .jsonl import Record
from .source import Source

VERSION = 1


def sniff(head: bytes, name: str) -> bool:
    return jsonl.has_fields(head, "hash_ids", "parent_chat_id")


def read(source: Source, add: Callable[[Batch], None], *, page_tokens: PageTokens = 16) -> Facts:
    """`page_tokens`: tokens in a block."""
    clock, size = Clock(source), BlockSize(page_tokens)
    session_of: dict[str | int | None, int] = {}
    n_sessions = 0

    def session(record: Record) -> int:
        nonlocal n_sessions
        found = session_of.get(record.label("parent_chat_id"))
        if found is None:
            found = n_sessions
            n_sessions += 1
        session_of[record.label("chat_id")] = found
        return found

    for group in jsonl.groups(source):
        ids = [block_ids(record, size) for record in group]
        add(
            Batch(
                keys=np.concatenate(ids),
                counts=np.array([len(blocks) for blocks in ids], np.int32),
                arrival=clock.seconds(np.array([r.number("timestamp") for r in group]), [r.line for r in group]),
                prompt_tokens=np.array([record.integer("input_length") for record in group]),
                output_tokens=np.array([record.integer("output_length") for record in group]),
                session=np.array([session(record) for record in group], np.int32),
            )
        )
    return Facts(page_tokens, {"start": clock.start}, size.notes())
