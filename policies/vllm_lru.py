"""The prefix cache of vLLM: blocks that no request uses wait in a queue, and the one in front leaves.

Rules of vLLM 0.33, `vllm/v1/core/kv_cache_manager.py` and `block_pool.py`, with one request at a time that generates
nothing. It finds the longest cached prefix of at most its prompt - 1 tokens, takes those blocks off the queue, takes
the others it needs from the queue's front, whatever they hold, caches its full ones, and at its end frees all of them.

What differs from LRU per page:
- Freed blocks join the queue's end tail first, so that of one request the pages behind leave before the pages in front.
- A block that is not full is never cached. It goes to the queue's front, where the next request takes it, so that it
  costs no page its place (pull request 42656); in `version` 0.11, which was before, it joins the end as the others do.
- Where the prompt ends with its last block, that block is computed even if it is cached, and stored as a duplicate.

With `tail` "full" every page of the trace is full and the prompt one token longer, which takes one more block while the
request runs. A request of more blocks than the cache has is never scheduled: it misses, and changes nothing.
The block that vLLM reserves (the null block) is not part of the capacity.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import BeforeValidator

from .structures.linked_list import NEXT, PREVIOUS, new_lists, pop_back, push_back, push_front, unlink
from .structures.prompts import Prompts, Tail, prompts_of

_Version = Annotated[Literal["0.33", "0.11"], BeforeValidator(str)]  # YAML takes 0.11 for a number


class State(NamedTuple):
    prompts: Prompts
    queue: np.ndarray  # (blocks + 1, 2) uint32: list of the blocks that no request uses; the back leaves next
    copies: (
        np.ndarray
    )  # (blocks + n_pages, 2) uint32: the blocks that cache each page, a list for each, oldest at the back
    cached: np.ndarray  # (blocks,) uint8: whether the block caches a page
    table: np.ndarray  # (blocks,) uint32: the blocks of the running request
    partial_last: np.ndarray  # (1,) uint8: whether blocks that are not full join the queue as the others do


def init(capacity, n_pages, requests, *, tail: Tail = "partial", version: _Version = "0.33"):
    prompts = prompts_of(requests, tail)
    # There are duplicates: so maybe more blocks than pages, but no more than are ever taken.
    blocks = min(capacity, int(prompts.held.sum()))
    numbers = np.arange(blocks + 1, dtype=np.uint32)
    queue = np.empty((blocks + 1, 2), np.uint32)  # all of them, block 0 at the back
    queue[:, NEXT], queue[:, PREVIOUS] = np.roll(numbers, 1), np.roll(numbers, -1)
    return State(
        prompts=prompts,
        queue=queue,
        copies=new_lists(blocks, n_pages),
        cached=np.zeros(blocks, np.uint8),
        table=np.zeros(blocks, np.uint32),
        partial_last=np.array([version == "0.11"], np.uint8),
    )


def serve(state, pages, request):
    hittable, full, held = (state.prompts.hittable[request], state.prompts.full[request], state.prompts.held[request])
    queue, copies, table, blocks = state.queue, state.copies, state.table, len(state.table)
    head = np.uint32(blocks)
    if held > blocks:
        return 0, 0, 0
    hits = 0
    while hits < hittable:
        copies_of_page = _list_of(pages[hits], blocks)
        block = copies[copies_of_page, PREVIOUS]
        if block == copies_of_page:
            break
        unlink(queue, block)
        table[hits] = block
        hits += 1
    removed = 0
    for i in range(hits, held):
        block = pop_back(queue, head)
        if state.cached[block]:
            unlink(copies, block)
            state.cached[block] = 0
            removed += 1
        table[i] = block
    for i in range(hits, full):
        push_front(copies, _list_of(pages[i], blocks), table[i])
        state.cached[table[i]] = 1
    if state.partial_last[0]:
        for i in range(held - 1, full - 1, -1):
            push_front(queue, head, table[i])
    else:
        for i in range(full, held):
            push_back(queue, head, table[i])
    for i in range(full - 1, -1, -1):
        push_front(queue, head, table[i])
    return hits, full - hits, removed


def _list_of(page, blocks):
    return np.uint32(blocks + np.int64(page))
