"""Server-sent events: whatever the pieces, the events are those of the text as a whole; nothing else is raised."""

from __future__ import annotations

import itertools
import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.simulator.live.errors import RequestError
from kvreplay.simulator.live.reply import Reply, error_code
from kvreplay.simulator.live.sse import EventParser


def whole(text: str) -> list[str]:
    """The same of a whole text: lines by the standard's three ends, events by empty lines."""
    lines = re.split("\r\n|\r|\n", text.removeprefix("\ufeff"))
    events, data = [], None
    for line in lines[:-1]:  # what no line end closes is no line yet
        if line == "":
            events += [] if data is None else [data]
            data = None
        elif line == "data" or line.startswith("data:"):
            value = line[5:]
            value = value[1:] if value.startswith(" ") else value
            data = value if data is None else f"{data}\n{value}"
    return events


def pieces(content: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(content) + 1) for cut in cuts), len(content)]
    return [content[start:stop] for start, stop in itertools.pairwise(edges)]


LINES = st.sampled_from(
    ["data: a", "data:b", "data:  c", "data", ": note", "id: 1", "event: x", "dat", "é", "", "\ufeff"]
)


@given(st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r", "\r\n"]))), st.lists(st.integers(0, 400), max_size=12))
@settings(deadline=None)
def test_events_do_not_depend_on_the_pieces(lines, cuts):
    text = "".join(line + end for line, end in lines)
    parser = EventParser()
    found = [event for piece in pieces(text.encode(), cuts) for event in parser.feed(piece)]
    assert found == whole(text)


def test_an_event_comes_as_soon_as_it_ends():
    parser = EventParser()
    assert parser.feed(b"data: 1\r\n\r") == ["1"]
    assert parser.feed(b"\ndata: 2\n") == []
    assert parser.feed(b"\n") == ["2"]


def test_an_endless_event_is_given_up():
    parser = EventParser()
    for _ in range(40):
        assert parser.feed(b"data: " + b"x" * 100_000) == []
    with pytest.raises(RequestError, match="endless event"):
        parser.feed(b"x" * 200_000)


def test_many_events_are_not_endless():
    parser = EventParser()
    assert sum(len(parser.feed(b"data: " + b"x" * 100_000 + b"\n\n")) for _ in range(100)) == 100


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "usage", "text", "delta", "content", "finish_reason", "prompt_tokens", "x"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(st.one_of(JSON, st.dictionaries(st.sampled_from(["choices", "usage", "error", "prompt_tokens_details"]), JSON)))
@settings(deadline=None)
def test_whatever_json_an_event_has_it_is_taken_or_told(value):
    reply = Reply()
    try:
        reply.take(json.dumps(value))
    except RequestError:
        return
    assert reply.cached_tokens is None or reply.cached_tokens >= 0
    assert reply.tokens("prompt_tokens") is None or reply.tokens("prompt_tokens") >= 0


@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5))
@settings(deadline=None)
def test_whatever_bytes_come_they_are_taken_or_told(content, cuts):
    reply = Reply()
    try:
        for piece in pieces(b"data: " + content, cuts):
            reply.feed(piece)
    except RequestError:
        return
    assert isinstance(reply.finished, bool)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"error": {"code": "context_length_exceeded", "type": "x"}}', "context_length_exceeded"),
        (b'{"error": {"message": "m", "type": "bad\\nrequest", "code": null}}', "bad request"),
        (b'{"error": "busy"}', ""),
        (b"<html>", ""),
        (b"[]", ""),
    ],
)
def test_the_code_of_an_error(content, code):
    assert error_code(content) == code


def test_a_streamed_answer():
    reply = Reply()
    assert not reply.feed(b'data: {"choices": [{"delta": {"role": "assistant", "content": ""}}]}\n\n')
    assert reply.feed(b'data: {"choices": [{"delta": {"content": "Hi"}, "finish_reason": null}]}\n\n')
    assert not reply.finished
    assert reply.feed(b'data: {"choices": [{"delta": {}, "finish_reason": "stop"}]}\n\n')
    assert reply.finished
    usage = '{"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 8}}'
    assert not reply.feed(f'data: {{"choices": [], "usage": {usage}}}\n\ndata: [DONE]\n\n'.encode())
    assert (reply.chunks, reply.tokens("prompt_tokens"), reply.tokens("completion_tokens")) == (1, 9, 1)
    assert reply.cached_tokens == 8
