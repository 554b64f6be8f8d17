"""What clients send and get, over loopback, of a server with the tiny model of random weights."""

from __future__ import annotations

import json

import httpx
import pytest

from kvreplay.simulator.server import running_server

CHAT = {"messages": [{"role": "user", "content": "hello there, what is it?"}], "max_tokens": 12}


@pytest.fixture(scope="module")
def client():
    with running_server() as url, httpx.Client(base_url=url, timeout=60) as client:
        yield client


def events(text: str) -> list[dict]:
    """The JSON of each server-sent event but the last, which says that all is done."""
    *lines, done = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    assert done == "[DONE]"
    return [json.loads(line) for line in lines]


def test_a_chat_is_answered_and_streamed_alike(client):
    whole = client.post("/v1/chat/completions", json=CHAT)
    assert whole.headers["x-kvreplay-answered-by"] == "model"
    body = whole.json()
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"] == {
        "prompt_tokens": len("\0user\nhello there, what is it?\n\0assistant\n"),
        "completion_tokens": 12,
        "total_tokens": 54,
        "prompt_tokens_details": {"cached_tokens": 0},
    }
    streamed = client.post(
        "/v1/chat/completions", json={**CHAT, "stream": True, "stream_options": {"include_usage": True}}
    )
    assert streamed.headers["x-kvreplay-answered-by"] == "exact"
    first, *pieces, end, usage = events(streamed.text)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    said = "".join(piece["choices"][0]["delta"]["content"] for piece in pieces)
    assert said == body["choices"][0]["message"]["content"]
    assert end["choices"][0]["finish_reason"] == "length"
    assert usage["usage"]["prompt_tokens_details"] == {"cached_tokens": 42}
