"""The prefix caches of LLM servers: equal to their twins, by hand, in balance, and to what production code counted."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvreplay
from kvreplay.policies import get, names
from kvreplay.simulator.replay import loops, replay
from kvreplay.simulator.replay.cell import Cell
from kvreplay.traces.builder import Batch, TraceBuilder
from kvreplay.traces.page_ids import chain_pages
from kvreplay.traces.trace import Trace
from tests.oracles.policies import TWINS

SERVERS = [name for name in names() if get(name).hooks.by_request]


def prompts(texts: list[str], page_tokens: int) -> Trace:
    """A letter a token."""
    tokens = np.frombuffer("".join(texts).encode(), np.uint8).astype(np.uint32)
    lengths = np.array([len(text) for text in texts])
    keys, counts = chain_pages(tokens, np.cumsum([0, *lengths]), page_tokens)
    builder = TraceBuilder()
    builder.add(Batch(keys=keys, counts=counts, prompt_tokens=lengths))
    return builder.finish("prompts", page_tokens=page_tokens)


@st.composite
def prompt_traces(draw) -> Trace:
    """Prompts that begin alike and end in full pages as well as within one."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    letters, longest = draw(st.integers(1, 3)), draw(st.integers(1, 16))
    texts = [
        "".join(rng.choice(list("abc"[:letters]), rng.integers(1, longest + 1)))
        for _ in range(draw(st.integers(1, 120)))
    ]
    return prompts(texts, draw(st.integers(1, 4)))


def hits_of(cell: Cell) -> list[int]:
    """Pages hit of each request."""
    hit = np.concatenate([hit.copy() for *_, hit in cell.chunks(2)])
    return np.add.reduceat(hit, cell.trace.offsets[:-1]).tolist()


def expected(trace: Trace, name: str, capacity: int, tail: str) -> list[int]:
    twin = TWINS[name](capacity, trace.page_tokens)
    twin.tail = tail
    tokens = [None] * trace.n_requests if trace.prompt_tokens is None else trace.prompt_tokens.tolist()
    bounds = zip(trace.offsets[:-1], trace.offsets[1:], tokens, strict=True)
    return [twin.request(trace.pages[low:high].tolist(), length) for low, high, length in bounds]


@pytest.mark.parametrize("tail", ["partial", "full"])
@pytest.mark.parametrize("policy", SERVERS)
@settings(max_examples=30, deadline=None)
@given(trace=prompt_traces(), capacity=st.integers(1, 60))
def test_hits_are_those_of_the_slow_twin(policy, tail, trace, capacity):
    cell = Cell(trace, get(policy, tail=tail), capacity, "prefix")
    assert hits_of(cell) == expected(trace, policy, capacity, tail)


@pytest.mark.parametrize("policy", SERVERS)
@settings(max_examples=10, deadline=None)
@given(trace=prompt_traces(), capacity=st.integers(1, 60))
def test_compiled_and_plain_python_agree(policy, trace, capacity):
    compiled, plain = (Cell(trace, get(policy), capacity, "prefix", compiled=c) for c in (True, False))
    assert hits_of(compiled) == hits_of(plain)
    assert compiled.tally.tolist() == plain.tally.tolist()


@pytest.mark.parametrize("policy", ["vllm-lru", "sglang-lru"])
def test_prompts_of_unknown_length_are_full(policy):
    known = prompts(["aabb", "aab", "aabb", "ccdd", "aabb"], 2)
    unknown = Trace("unknown", known.pages, known.n_pages, page_offsets=known.page_offsets, parent=known.parent)
    cells = (Cell(unknown, get(policy), 4, "prefix"), Cell(known, get(policy, tail="full"), 4, "prefix"))
    hits, as_full = map(hits_of, cells)
    assert hits == as_full == expected(unknown, policy, 4, "partial")


@pytest.mark.parametrize("tail", ["partial", "full"])
@pytest.mark.parametrize("policy", SERVERS)
@settings(max_examples=15, deadline=None)
@given(trace=prompt_traces(), capacity=st.integers(1, 60))
def test_books_balance_at_the_end(policy, tail, trace, capacity):
    cell = Cell(trace, get(policy, tail=tail), capacity, "prefix")
    hits = sum(hits_of(cell))
    used, state = cell.tally[loops.USED], cell.state
    assert used <= cell.tally[loops.PEAK] <= capacity
    assert cell.tally[loops.EVICTIONS] == trace.n_accesses - hits - cell.tally[loops.REJECTIONS] - used
    if policy.startswith("vllm"):
        blocks = len(state.cached)
        cached = state.copies[blocks:, 0] != np.arange(blocks, blocks + trace.n_pages)  # NEXT is not the head itself
        assert state.cached.sum() == used
    else:
        cached = state.node >= 0
        nodes = np.unique(state.node[cached])
        assert cached.sum() == used == state.length[nodes].sum() == capacity - state.room[0]
        size = state.leaves.size[0]
        assert sorted(state.leaves.pages[:size]) == nodes[state.children[nodes] == 0].tolist()
    # A cached page's parent is cached: nothing unreachable takes up room.
    parents = trace.parent[cached]
    assert cached[parents[parents >= 0]].all()


@pytest.mark.parametrize("policy", SERVERS)
@settings(max_examples=10, deadline=None)
@given(trace=prompt_traces())
def test_a_cache_of_unlimited_room_hits_every_full_page_seen_before(policy, trace):
    seen: set[int] = set()
    whole = []
    for low, high, tokens in zip(trace.offsets[:-1], trace.offsets[1:], trace.prompt_tokens, strict=True):
        pages = trace.pages[low:high].tolist()
        whole.append(sum(page in seen for page in pages[: (tokens - 1) // trace.page_tokens]))
        seen.update(pages[: tokens // trace.page_tokens])
    cell = Cell(trace, get(policy), 10 * trace.n_accesses, "prefix")
    assert hits_of(cell) == whole
    assert cell.tally[loops.EVICTIONS] == 0


# Worked by hand: pages of two letters, a prompt a word, and the pages that hit of each.
@pytest.mark.parametrize(
    ("policy", "texts", "capacity", "hits"),
    [
        ("vllm-lru", "aabb ccdd aax", 3, [0, 0, 1]),  # bb leaves before aa
        ("vllm-lru", "aa bbc dd aax", 3, [0, 0, 0, 1]),  # dd takes the block of c
        ("vllm-lru@0.11", "aa bbc dd aax", 3, [0, 0, 0, 0]),  # dd takes the block of aa
        ("vllm-lru", "ee aabb aabb eex", 3, [0, 0, 1, 0]),  # the second bb takes the block of ee
        ("vllm-lru", "aabbcc aabbx aabbccddx aax", 3, [0, 2, 0, 1]),  # five pages are more than the cache
        ("vllm-lru:tail=full", "aabb aabb ccdd aabb", 3, [0, 2, 0, 0]),  # each holds three
        ("vllm-lru:tail=full", "aabb ccdd", 2, [0, 0]),
        ("sglang-lru", "aabb ccdd aax", 3, [0, 0, 0]),  # aa leaves with bb
        ("sglang-lru", "aabb dd aax ee ff aabbx", 4, [0, 0, 1, 0, 0, 2]),  # bb was stamped with aa, so dd leaves
        ("sglang-lru", "aa bb aax ccdd aax", 3, [0, 0, 1, 0, 1]),  # bb leaves for ccdd
        ("sglang-fifo", "aa bb aax ccdd aax", 3, [0, 0, 1, 0, 0]),
        ("sglang-mru", "aa bb aax ccdd aax", 3, [0, 0, 1, 0, 0]),
        ("sglang-filo", "aa bb aax ccdd aax", 3, [0, 0, 1, 0, 1]),
        ("sglang-lru", "aa aax bb ccdd aax", 3, [0, 1, 0, 0, 0]),
        ("sglang-lfu", "aa aax bb ccdd aax", 3, [0, 1, 0, 0, 1]),
        ("sglang-slru", "aa aax bb ccdd aax", 3, [0, 1, 0, 0, 1]),
        ("sglang-lfu", "aa aax aax bb bbx ccdd aax", 3, [0, 1, 1, 0, 1, 0, 1]),
        ("sglang-slru", "aa aax aax bb bbx ccdd aax", 3, [0, 1, 1, 0, 1, 0, 0]),  # both are protected
        ("sglang-lru", "bb aa aa aax bbx", 2, [0, 0, 0, 1, 0]),  # aa is computed again, and bb makes room for it
        ("sglang-fifo", "aabb cc aax dd ee aabbx", 4, [0, 0, 1, 0, 0, 1]),  # bb is as old as it was before the split
        ("sglang-filo", "aabb cc aax dd ee aabbx", 4, [0, 0, 1, 0, 0, 2]),
    ],
)
def test_by_hand(policy, texts, capacity, hits):
    assert hits_of(Cell(prompts(texts.split(), 2), get(policy), capacity, "prefix")) == hits


MIRROR = Path(os.environ.get("KVREPLAY_TRACE_DIR", "")) / "mooncake_conversation.jsonl"


# Page hits that the servers' own code counted on this trace, vLLM 0.33, vLLM 0.11 and SGLang 0.5.23.
@pytest.mark.skipif(not MIRROR.is_file(), reason="KVREPLAY_TRACE_DIR holds no mooncake_conversation.jsonl")
@pytest.mark.parametrize(
    ("policy", "hits"),
    [
        ("vllm-lru", {1_000: 12_988, 10_000: 62_001, "unlimited": 105_592}),
        ("vllm-lru:tail=full", {1_000: 12_845, 10_000: 61_044, "unlimited": 105_710}),
        ("vllm-lru@0.11", {1_000: 12_837, 10_000: 60_971}),
        ("sglang-lru:tail=full", {1_000: 12_831, 10_000: 59_657}),
        ("sglang-lfu:tail=full", {1_000: 13_871, 10_000: 38_011}),
    ],
)
def test_hits_are_those_that_production_code_counted(policy, hits):
    trace = kvreplay.load("mooncake-conversation")
    assert {size: replay(trace, policy, size, reading="prefix").row["hits"] for size in hits} == hits
