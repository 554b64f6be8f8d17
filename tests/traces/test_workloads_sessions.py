"""Conversations and agents: page identity against real token sequences, times, limits."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.traces.errors import TraceError
from kvreplay.traces.page_ids import PageIds, chain_pages
from kvreplay.traces.workloads import generate


def fixed(mean):
    return {"distribution": "fixed", "mean": mean}


def _pages_of_tokens(trace, preamble_tokens):
    """The page ids of prompts spelled out: the preamble's tokens, then a stretch of the session's own."""
    sessions = np.repeat(trace.session, trace.prompt_tokens).astype(np.int64)
    starts = np.cumsum(trace.prompt_tokens) - trace.prompt_tokens
    position = np.arange(trace.prompt_tokens.sum()) - np.repeat(starts, trace.prompt_tokens)
    tokens = np.where(position < preamble_tokens, position, (sessions + 1) * 1_000_000 + position)
    offsets = np.append(0, np.cumsum(trace.prompt_tokens, dtype=np.int64))
    return PageIds().assign(chain_pages(tokens.astype(np.uint32), offsets, trace.page_tokens)[0])


@given(
    page_tokens=st.sampled_from([1, 3, 16, 64]),
    preamble=st.integers(0, 100),
    user=st.integers(1, 40),
    seed=st.integers(0, 99),
)
@settings(max_examples=25, deadline=None)
def test_pages_of_a_conversation_are_those_of_its_tokens(page_tokens, preamble, user, seed):
    trace = generate(
        "conversation",
        sessions=12,
        system_tokens=preamble,
        user={"mean": user},
        output={"mean": 20},
        page_tokens=page_tokens,
        seed=seed,
    )
    assert trace.pages.tolist() == _pages_of_tokens(trace, preamble).tolist()
    assert trace.parent is not None


def test_pages_of_an_agent_without_bursts_are_those_of_its_tokens():
    trace = generate("agent", sessions=20, preambles=1, preamble_tokens=100, burst_share=0)
    assert trace.pages.tolist() == _pages_of_tokens(trace, 100).tolist()


def test_each_turn_extends_the_one_before():
    trace = generate("conversation", sessions=50, system_prompts=3, seed=2)
    turns = {}
    for request, session in enumerate(trace.session.tolist()):
        pages = trace.pages[trace.offsets[request] : trace.offsets[request + 1]].tolist()
        turns.setdefault(session, []).append((pages, int(trace.prompt_tokens[request]), request))
    for former, later in itertools.chain.from_iterable(map(itertools.pairwise, turns.values())):
        whole = former[1] // 16
        assert later[0][:whole] == former[0][:whole]
        assert later[1] >= former[1] + trace.output_tokens[former[2]] + 1
    system_pages = {tuple(turn[0][0][: 512 // 16]) for turn in turns.values()}
    assert len(system_pages) == 3


def test_a_burst_shares_the_context_and_nothing_else():
    trace = generate(
        "agent",
        sessions=1,
        steps=fixed(2),
        preamble_tokens=32,
        task=fixed(16),
        output=fixed(16),
        tool_result=fixed(32),
        subtask=fixed(16),
        burst_share=1,
        burst_size=2,
        page_tokens=16,
    )
    pages = [trace.pages[a:b].tolist() for a, b in itertools.pairwise(trace.offsets)]
    assert pages == [
        [0, 1, 2],  # preamble, task
        [0, 1, 2, 3, 4],  # output, own sub-task
        [0, 1, 2, 3, 5],
        [0, 1, 2, 3, 6, 7],  # output, tool result
        [0, 1, 2, 3, 6, 7, 8, 9],
        [0, 1, 2, 3, 6, 7, 8, 10],
    ]
    assert trace.arrival[1] == trace.arrival[2] > trace.arrival[0]
    assert trace.arrival[4] == trace.arrival[5] > trace.arrival[3] > trace.arrival[2]


def test_turns_follow_their_distribution_until_the_user_leaves():
    planned = generate("conversation", sessions=200, turns=fixed(7), abandonment=0)
    assert np.bincount(planned.session).tolist() == [7] * 200
    left = generate("conversation", sessions=5_000, turns=fixed(1000), abandonment=0.25, user=fixed(1), output=fixed(1))
    assert np.bincount(left.session).mean() == pytest.approx(1 / 0.25, rel=0.06)  # geometric
    assert np.bincount(generate("conversation", sessions=9, abandonment=1).session).tolist() == [1] * 9


def test_think_time_and_session_rate():
    trace = generate(
        "conversation", sessions=4_000, turns=fixed(3), abandonment=0, think=20, arrival={"rate": 5}, output=fixed(9)
    )
    order = np.lexsort((trace.arrival, trace.session))
    seconds = trace.arrival[order].reshape(4_000, 3)
    assert np.diff(seconds).mean() == pytest.approx(20, rel=0.06)
    assert np.diff(seconds[:, 0]).mean() == pytest.approx(1 / 5, rel=0.08)


def test_nothing_exceeds_the_context_limit():
    free = generate("conversation", sessions=300, context_limit=10**6)
    limited = generate("conversation", sessions=300, context_limit=1_500)
    assert (free.prompt_tokens + free.output_tokens).max() > 1_500
    assert (limited.prompt_tokens + limited.output_tokens).max() <= 1_500
    with pytest.raises(TraceError, match="no prompt fits into context_limit 100; raise it or shorten the prompts"):
        generate("conversation", context_limit=100)


def test_requests_keeps_the_first():
    whole = generate("agent", sessions=30)
    first = generate("agent", sessions=30, requests=100)
    assert first.arrival.tolist() == whole.arrival[:100].tolist()
    assert first.pages.tolist() == whole.pages[: whole.offsets[100]].tolist()
    with pytest.raises(TraceError, match=r"agent: the sessions make \d+ requests, 9999 are asked for; raise sessions"):
        generate("agent", sessions=30, requests=9999)


def test_sessions_do_not_depend_on_how_they_are_chunked(monkeypatch):
    whole = generate("conversation", sessions=40)
    monkeypatch.setattr("kvreplay.traces.workloads.growing._CHUNK", 100)
    assert generate("conversation", sessions=40).content_hash == whole.content_hash
