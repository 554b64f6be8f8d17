"""What clients send and get, over loopback, of a server with the tiny model of random weights."""

from __future__ import annotations

import json

import httpx
import pytest

from kvreplay.simulator.backends.model import Decoder, PagedModel, RandomBytes

from .conftest import figures, serving

CHAT = {"messages": [{"role": "user", "content": "hello there, what is it?"}], "max_tokens": 12}


def by(response: httpx.Response) -> str:
    assert response.status_code == 200, response.text
    return response.headers["x-kvreplay-answered-by"]


def complete(client: httpx.Client, prompt: str | list[int], **fields) -> httpx.Response:
    return client.post("/v1/completions", json={"prompt": prompt, **fields})


def text(response: httpx.Response) -> str:
    return response.json()["choices"][0]["text"]


def events(response: httpx.Response) -> list[dict]:
    """The JSON of each server-sent event but the last, which says that all is done."""
    *lines, done = [line.removeprefix("data: ") for line in response.text.split("\n\n") if line]
    assert done == "[DONE]"
    return [json.loads(line) for line in lines]


def test_a_chat_is_answered_and_streamed_alike(client):
    whole = client.post("/v1/chat/completions", json=CHAT)
    assert by(whole) == "model"
    body = whole.json()
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"] == {
        "prompt_tokens": len("\0user\nhello there, what is it?\n\0assistant\n"),
        "completion_tokens": 12,
        "total_tokens": 54,
        "prompt_tokens_details": {"cached_tokens": 0},
    }
    for number in range(2):  # from the exact cache, then generated: what cannot be repeated is not kept
        drawn = {"temperature": 1e-4} if number else {}
        streaming = {"stream": True, "stream_options": {"include_usage": True}}
        streamed = client.post("/v1/chat/completions", json={**CHAT, **drawn, **streaming})
        assert by(streamed) == ("prefix" if number else "exact")
        first, *pieces, end, usage = events(streamed)
        assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
        assert len(pieces) > number
        said = "".join(piece["choices"][0]["delta"]["content"] for piece in pieces)
        assert said == body["choices"][0]["message"]["content"]
        assert end["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}
        assert usage["choices"] == []
        assert usage["usage"]["prompt_tokens_details"] == {"cached_tokens": 32 if number else 42}


def test_completions_are_what_the_model_says(client):
    language = RandomBytes()
    prompt = "tell me more, please, of this"
    [expected] = Decoder(PagedModel(language.llama, 20)).generate([language.encode(prompt)], 30)
    words = b"".join(map(language.bytes_of, expected.tolist())).decode(errors="replace")
    whole = complete(client, prompt, max_tokens=30, ignore_eos=True)
    assert text(whole) == words
    assert by(complete(client, list(prompt.encode()), max_tokens=30, ignore_eos=True)) == "exact"
    echoed = complete(client, prompt, max_tokens=30, ignore_eos=True, echo=True, stream=True)
    assert "".join(event["choices"][0]["text"] for event in events(echoed)) == prompt + words
    stop = words[12:14]
    cut = complete(client, prompt, max_tokens=30, ignore_eos=True, stop=[stop, "never"])
    assert text(cut) == words[: words.index(stop)]
    assert cut.json()["choices"][0]["finish_reason"] == "stop"
    assert by(cut) == "prefix"  # another way to answer is another answer
    assert len(text(complete(client, prompt))) <= 16  # tokens, by default


def test_what_is_drawn_can_be_drawn_again_by_its_seed(client):
    def drawn(**fields):
        return complete(client, "a draw", max_tokens=8, temperature=1.5, **fields)

    first = drawn(seed=1)
    assert by(first) == "model"
    assert by(drawn(seed=1)) == "exact"
    assert len({text(drawn(seed=seed)) for seed in range(1, 5)}) > 1
    assert by(drawn()) == by(drawn()) == "model"
    with serving() as other:
        assert text(complete(other, "a draw", max_tokens=8, temperature=1.5, seed=1)) == text(first)


def test_content_may_come_in_parts_and_blank(client):
    parts = [{"type": "text", "text": "hello there, "}, {"type": "text", "text": "what is it?"}]
    told = client.post("/v1/chat/completions", json={**CHAT, "messages": [{"role": "user", "content": parts}]})
    assert told.json()["usage"]["prompt_tokens"] == 42
    blank = client.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": ""}], "max_tokens": 1})
    assert blank.status_code == 200
    assert [complete(client, " ", max_tokens=1).headers["x-kvreplay-answered-by"] for _ in range(2)] == ["model"] * 2


@pytest.mark.parametrize(
    ("path", "body", "status", "param", "told"),
    [
        ("completions", {"prompt": "x", "logprobs": 3}, 400, "logprobs", "logprobs is not served; leave it out"),
        ("completions", {"prompt": "x", "n": 2}, 400, "n", "n: input should be less than or equal to 1"),
        ("completions", {"prompt": ""}, 400, "prompt", "prompt: string should have at least 1 character"),
        ("completions", {"prompt": []}, 400, "prompt", "prompt: input should be a valid string"),
        ("completions", {"prompt": ["a", "b"]}, 400, "prompt", "prompt: input should be a valid string"),
        ("completions", {"prompt": [258]}, 400, "prompt", "token 258 is none of the model's; give 0 to 257"),
        ("completions", {"prompt": "\ud800"}, 400, "prompt", "prompt: input should be a valid string"),
        ("completions", {"prompt": "x", "temperature": -1}, 400, "temperature", "greater than or equal to 0"),
        ("completions", {"prompt": "x", "max_tokens": "5"}, 400, "max_tokens", "valid integer"),
        ("completions", {"prompt": "x", "max_tokens": 513}, 400, "max_tokens", "max_tokens is 513; give up to 512"),
        ("completions", {"prompt": "x" * 4097}, 400, "prompt", "4097 tokens; give up to 4096"),
        ("completions", {"prompt": "x", "model": "gpt"}, 404, "model", "there is none; use 'random-bytes'"),
        ("completions", [], 400, None, "the body is no JSON object"),
        ("chat/completions", {"messages": []}, 400, "messages", "messages: list should have at least 1 item"),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": 3}]},
            400,
            "messages",
            "messages.0.content: input",
        ),
        ("chat/completions", {"messages": [{"role": "tool", "content": "x"}]}, 400, "messages", "messages.0.role"),
        ("nothing", {}, 404, None, "Not Found"),
        ("models", {}, 405, None, "Method Not Allowed"),
    ],
)
def test_what_is_refused_is_named(client, path, body, status, param, told):
    content = json.dumps(body).encode()
    response = client.post(f"/v1/{path}", content=content, headers={"content-type": "application/json"})
    error = response.json()["error"]
    assert response.status_code == status
    assert set(error) == {"message", "type", "param", "code"}
    assert error["param"] == param
    assert told in error["message"]


def test_bodies_must_be_json_and_not_too_large(client):
    def post(content, **headers):
        return client.post("/v1/completions", content=content, headers=headers)

    json_type = {"content-type": "application/json"}
    # Of no type: what a page of another site might send.
    for refused in (post(b'{"prompt": "x"}'), post(b"{", **json_type)):
        assert refused.status_code == 400
        assert refused.json()["error"]["message"] == "the body is no JSON object; send one, as application/json"
    for bad in (b"\xff", b"[" * 100_000):
        assert "parsing the body" in post(bad, **json_type).json()["error"]["message"]
    large = b'{"prompt": "' + b"x" * (1 << 20)
    for body in (large, iter([large])):  # of a length that is told, and not
        refused = post(body, **json_type)
        assert refused.status_code == 413
        assert refused.json()["error"]["code"] == "body_too_large"


def test_a_body_that_does_not_come_is_not_waited_for(client, monkeypatch):
    monkeypatch.setattr("kvreplay.simulator.server.bodies._SECONDS", 0.05)
    import socket

    with socket.create_connection((client.base_url.host, client.base_url.port)) as slow:
        slow.sendall(b"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert slow.recv(1000).startswith(b"HTTP/1.1 408 ")


def test_what_the_server_is_and_does_can_be_asked(client):
    assert client.get("/health").json() == {"status": "ok"}
    [model] = client.get("/v1/models").json()["data"]
    assert (model["id"], model["object"]) == ("random-bytes", "model")
    before = figures(client)
    prompt = "a prompt of more than one page"
    for _ in range(2):
        complete(client, prompt, max_tokens=3, ignore_eos=True)
    complete(client, prompt + ", and more", max_tokens=3, ignore_eos=True)
    complete(client, prompt, max_tokens=0)
    after = figures(client)
    grown = {name: after[name] - value for name, value in before.items() if after[name] != value}
    assert {name: n for name, n in grown.items() if "requests" in name or "_tokens" in name} == {
        'kvreplay_requests_total{answered_by="model"}': 1,
        'kvreplay_requests_total{answered_by="exact"}': 1,
        'kvreplay_requests_total{answered_by="prefix"}': 1,
        "kvreplay_prompt_tokens_total": 30 + 30 + 40,
        "kvreplay_cached_prompt_tokens_total": 30 + 16,
        "kvreplay_completion_tokens_total": 9,
        "kvreplay_first_tokens_total": 3,
    } | {name: n for name, n in grown.items() if "drafted" in name or "accepted" in name}
