"""Sequences that share pages: forks, growth and lifetimes; whole traces against a slow server, a token at a time."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvreplay
from kvreplay.simulator.caches.pages import PagedSequences, PageError, PagePool, PrefixCache, replay_concurrent
from kvreplay.simulator.cli.main import main
from kvreplay.traces import TraceError
from kvreplay.traces.builder import Batch, TraceBuilder
from tests.oracles.concurrent import Server

PAGE_TOKENS = 2


@st.composite
def traces(draw):
    """Prompts of few different tokens, so that they share, with their output lengths."""
    prompts = draw(st.lists(st.lists(st.integers(0, 1), max_size=9), min_size=1, max_size=25))
    prompts[0].append(0)  # a trace has pages
    keys, counts = [], []
    for prompt in prompts:
        ends = [*range(PAGE_TOKENS, len(prompt), PAGE_TOKENS), len(prompt)] if prompt else []
        keys += [hash(tuple(prompt[:end])) % 2**64 for end in ends]
        counts.append(len(ends))
    builder = TraceBuilder()
    builder.add(
        Batch(
            keys=np.array(keys, np.uint64),
            counts=np.array(counts, np.int32),
            prompt_tokens=np.array([len(prompt) for prompt in prompts], np.int32),
            output_tokens=np.array(draw(st.lists(st.integers(0, 7), min_size=25))[: len(prompts)], np.int32),
        )
    )
    return builder.finish("few", page_tokens=PAGE_TOKENS)


@settings(max_examples=150, deadline=None)
@given(trace=traces(), capacity=st.integers(1, 25), at_once=st.integers(1, 6), samples=st.integers(1, 3))
def test_a_trace_comes_to_what_a_slow_server_makes_of_it(trace, capacity, at_once, samples):
    server = Server(capacity, PAGE_TOKENS, at_once, samples)
    requests = []
    for request, (start, stop) in enumerate(itertools.pairwise(trace.offsets.tolist())):
        prompt = int(trace.prompt_tokens[request])
        full = trace.pages[start:stop].tolist()[: prompt // PAGE_TOKENS]
        requests.append((full, prompt, int(trace.output_tokens[request])))
    server.run(requests)
    figures, counts = replay_concurrent(trace, "lru", capacity, at_once=at_once, samples=samples), server.counts
    for name in ("refused", "preemptions", "rounds", "pages", "hits", "copies", "evictions"):
        assert getattr(figures, name) == counts[name], name
    assert (figures.peak_logical, figures.peak_held) == (server.peak_logical, server.peak_held)
    if counts["rounds"]:
        assert figures.mean_logical == counts["logical"] / counts["rounds"]
        assert figures.mean_held == counts["held"] / counts["rounds"]


def test_a_sequence_that_diverges_inside_a_page_copies_that_page_only():
    pool = PagePool(20)
    sequences = PagedSequences(pool, PrefixCache(20, page_tokens=4, pool=pool))
    parent = sequences.admit(np.arange(10))
    beams = [parent, *(sequences.fork(parent) for _ in range(3))]
    assert (pool.stats().physical, pool.stats().logical) == (3, 2 + 4 * 3)  # the cache holds the two full pages
    for token, beam in enumerate(beams):
        assert sequences.grow(beam, np.array([token]))
    assert pool.stats().copies == 3  # the last one has the page for itself
    assert len({int(beam.ids[2]) for beam in beams}) == 4
    assert all(beam.ids[:2].tolist() == parent.ids[:2].tolist() for beam in beams)
    for beam in beams:
        sequences.finish(beam)
    assert (pool.stats().physical, sequences.held) == (2, 0)


def test_what_a_sequence_generated_is_found_by_the_next_turn():
    pool = PagePool(20)
    sequences = PagedSequences(pool, PrefixCache(20, page_tokens=4, pool=pool))
    first = sequences.admit(np.arange(6))
    for token in range(6, 13):
        assert sequences.grow(first, np.array([token]))
    sequences.finish(first)
    assert sequences.admit(np.arange(14)).prefix.hits == 3


def test_out_of_pages_is_an_answer_and_changes_nothing():
    pool = PagePool(3)
    sequences = PagedSequences(pool, PrefixCache(3, page_tokens=2, pool=pool))
    running = sequences.admit(np.array([1, 2, 3]))
    other = sequences.fork(running)
    before = pool.stats(), sequences.cache.stats()
    assert sequences.admit(np.array([5, 6, 7, 8])) is None
    assert not sequences.grow(running, np.array([4, 5]))  # a copy of the shared page, and a page behind it
    assert (pool.stats(), sequences.cache.stats()) == before
    assert sequences.grow(running, np.array([4]))
    assert not sequences.grow(other, np.array([4, 5]))
    sequences.finish(running)
    assert sequences.grow(other, np.array([4, 5]))


def test_errors():
    pool = PagePool(3)
    with pytest.raises(PageError, match="not one of this pool"):
        PagedSequences(pool, PrefixCache(3))
    trace = kvreplay.generate("conversation", sessions=2, seed=0)
    for wrong in ({"capacity": 0}, {"at_once": 0}, {"samples": 0}):
        with pytest.raises(PageError, match="is out of range"):
            replay_concurrent(trace, **wrong)
    with pytest.raises(TraceError, match="how long"):
        replay_concurrent(dataclasses.replace(trace, output_tokens=None))
    with pytest.raises(TraceError, match="do not form prefixes"):
        replay_concurrent(kvreplay.generate("zipf", requests=10, keys=3))


def test_the_command_prints_what_the_function_returns(capsys):
    source = "generate:conversation:sessions=5:seed=1"
    arguments = ["concurrent", source, "--capacity", "200,2000", "--at-once", "8", "--samples", "2", "--json"]
    assert main(arguments) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    trace = kvreplay.generate("conversation", sessions=5, seed=1)
    assert rows == [
        kvreplay.replay_concurrent(trace, "lru", capacity, at_once=8, samples=2)._asdict() for capacity in (200, 2000)
    ]
    assert main(arguments[:-1]) == 0
    assert "preemptions" in capsys.readouterr().out
    assert main(["concurrent", source, "--capacity", "10%"]) == 2
