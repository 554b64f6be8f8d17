"""Made-up prompts: as long as the trace says in any server's tokens, and with common prefixes exactly as its pages."""

from __future__ import annotations

import ast
import asyncio
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvreplay as kv
from kvreplay.simulator.live.errors import LiveError
from kvreplay.simulator.live.prompts import Prompts
from kvreplay.simulator.live.ruler import WORDS, Ruler, measure
from kvreplay.traces import Trace, TraceError


def halves(text: str) -> list[str]:
    """Every fourth of the words is two tokens."""
    return [part for word in text.split() for part in ([word] if WORDS.index(word) % 4 else [word[:2], word[2:]])]


def two_each(text: str) -> list[str]:
    return [part for word in text.split() for part in (word[:2], word[2:])]


TOKENIZERS = {"words": str.split, "bytes": lambda text: list(text.encode()), "halves": halves, "two each": two_each}


def ruler_of(tokenize, overhead: int = 0) -> tuple[Ruler, int]:
    """The ruler, and how many probes it took."""
    probes = []

    async def count(prompt: str) -> int:
        probes.append(prompt)
        return len(tokenize(prompt)) + overhead

    return asyncio.run(measure(count)), len(probes)


@pytest.mark.parametrize("overhead", [0, 1, 37])
def test_a_ruler_is_what_the_server_does(overhead):
    assert ruler_of(str.split, overhead) == (Ruler(WORDS, "word", 1.0, overhead), 3)
    assert ruler_of(TOKENIZERS["bytes"], overhead) == (Ruler(WORDS, "byte", 1.0, overhead), 3)
    assert ruler_of(two_each, overhead)[0] == Ruler(WORDS, "word", 2.0, overhead)


def test_words_of_several_tokens_are_left_out():
    odd = set(WORDS[40:45])  # they lie in one group of eight, from 40 to 47
    ruler, probes = ruler_of(
        lambda text: [part for word in text.split() for part in ([word, ""] if word in odd else [word])]
    )
    assert ruler == Ruler(WORDS[:40] + WORDS[48:], "word", 1.0, 0)
    assert probes < 20


def test_words_are_told_apart_by_what_a_page_holds():
    assert len(set(WORDS)) == 256
    assert all(len(word) == 4 and word.isalpha() and word.islower() for word in WORDS)


@pytest.mark.parametrize("tokens", [lambda text: 5, lambda text: 0, lambda text: len(text.split()) ** 2])
def test_a_server_that_does_not_count_prompts_is_refused(tokens):
    async def count(prompt: str) -> int:
        return tokens(prompt)

    with pytest.raises(LiveError, match=r"^usage\.prompt_tokens is .*; the server must count the whole prompt$"):
        asyncio.run(measure(count))


@st.composite
def traces(draw) -> Trace:
    """Requests that share prefixes, with or without a partial page at the end, of which some are the very same."""
    page_tokens = draw(st.sampled_from([16, 20, 33]))
    known: dict[tuple, int] = {}
    rows, lengths = [], []
    for _ in range(draw(st.integers(1, 8))):
        path = tuple(draw(st.lists(st.integers(0, 2), max_size=4)))
        tokens = len(path) * page_tokens
        if draw(st.booleans()):
            rest = draw(st.integers(1, page_tokens - 1))
            tokens += rest
            path += ((draw(st.integers(0, 1)), rest),)
        rows.append([known.setdefault(path[: i + 1], len(known)) for i in range(len(path))])
        lengths.append(max(tokens, 1))
    return Trace(
        "drawn",
        np.array([page for row in rows for page in row], np.uint32),
        len(known),
        np.cumsum([0, *map(len, rows)]).astype(np.int64),
        prompt_tokens=np.array(lengths, np.int32),
        page_tokens=page_tokens,
    )


@pytest.mark.parametrize("name", ["words", "bytes"])
@given(trace=traces(), overhead=st.sampled_from([0, 1]), seed=st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_full_pages_are_shared_exactly_as_in_the_trace(name, trace, overhead, seed):
    tokenize = TOKENIZERS[name]
    prompts = Prompts(trace, ruler_of(tokenize, overhead)[0], seed)
    tokens = [["begin"] * overhead + tokenize(prompts.prompt(i)) for i in range(trace.n_requests)]
    assert [len(own) for own in tokens] == [max(n, overhead + 1) for n in trace.prompt_tokens]
    size = trace.page_tokens
    for one in range(trace.n_requests):
        for other in range(one):
            pages = [trace.pages[trace.offsets[i] : trace.offsets[i + 1]].tolist() for i in (one, other)]
            for end in range(size, min(len(tokens[one]), len(tokens[other])) + 1, size):
                n = end // size
                same = len(pages[0]) >= n and pages[0][:n] == pages[1][:n]
                assert (tokens[one][:end] == tokens[other][:end]) == same


def test_prompts_are_as_long_as_asked_on_average_where_words_differ():
    trace = kv.generate("conversation", sessions=20, seed=1)
    ruler, _ = ruler_of(two_each, 3)
    lengths = np.array([3 + len(two_each(Prompts(trace, ruler).prompt(i))) for i in range(trace.n_requests)])
    assert np.abs(lengths - trace.prompt_tokens).max() <= 1  # half a word


SHARING = """
import numpy as np
from kvreplay.simulator.live.prompts import Prompts
from kvreplay.simulator.live.ruler import WORDS, Ruler
from kvreplay.traces.trace import Trace

columns = {"prompt_tokens": np.array([40, 64], np.int32), "page_tokens": 16}
trace = Trace("sharing", np.array([0, 1, 2, 0, 1, 3, 4], np.uint32), 5, np.array([0, 3, 7]), **columns)
prompts = Prompts(trace, Ruler(WORDS, "word", 1.0, 0), seed=5)
print([prompts.prompt(i) for i in ORDER])
"""


def test_a_page_says_the_same_in_any_process_and_order():
    told = []
    for order, salt in (("(0, 1)", "1"), ("(1, 0)", "2")):
        script = SHARING.replace("ORDER", order)
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PYTHONHASHSEED": salt},
        )
        told.append(ast.literal_eval(done.stdout))
    assert told[0] == told[1][::-1]
    assert told[0][0] != told[0][1]


def test_another_seed_is_another_text():
    trace = Trace("one", np.array([0], np.uint32), 1, prompt_tokens=np.array([16], np.int32), page_tokens=16)
    texts = {Prompts(trace, Ruler(WORDS, "word", 1.0, 0), seed).prompt(0).split()[0] for seed in range(4)}
    assert len(texts) == 4


def test_lengths_without_pages_give_prompts_of_their_own():
    trace = Trace(
        "lengths",
        np.empty(0, np.uint32),
        0,
        np.zeros(4, np.int64),
        prompt_tokens=np.array([50, 50, 1], np.int32),
    )
    prompts = Prompts(trace, Ruler(WORDS, "word", 1.0, 0))
    texts = [prompts.prompt(i).split() for i in range(3)]
    assert [len(text) for text in texts] == [50, 50, 1]
    assert texts[0][0] != texts[1][0]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"page_tokens": 16}, "has no prompt tokens; use a trace of requests"),
        ({"prompt_tokens": np.array([1], np.int32)}, "has no prompt tokens; use a trace of requests"),
        ({"prompt_tokens": np.array([1], np.int32), "page_tokens": 1}, "1 tokens are too few to tell 300 pages apart"),
    ],
)
def test_what_no_prompt_can_be_made_of(columns, message):
    trace = Trace("odd", np.arange(300, dtype=np.uint32), 300, np.array([0, 300]), **columns)
    with pytest.raises(TraceError, match=message):
        Prompts(trace, Ruler(WORDS, "word", 1.0, 0))
