"""Many at once, some of whom go away: nobody is lost, and nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
import threading
import time

import httpx
import numpy as np
import pytest

from kvreplay.simulator.backends.model import Decoder
from kvreplay.simulator.server import running_server
from kvreplay.simulator.server.engine import Job

from .conftest import figures, only_cached_pages_are_used, serving, settled
from .test_http import complete, events

GONE = 'kvreplay_requests_failed_total{reason="client_gone"}'


@pytest.fixture
def gate(monkeypatch):
    """Cleared, no step begins until it is set again."""
    opened, step = threading.Event(), Decoder.step
    opened.set()
    monkeypatch.setattr(Decoder, "step", lambda self: step(self) if opened.wait(60) else [])
    return opened


@pytest.fixture(scope="module")
def small():
    """Few pages, so that requests wait for each other and are preempted."""
    with serving(pages=60, at_once=16, queue=150, page_tokens=8, exact=50, drafts=0) as client:
        yield client


def test_no_stream_of_many_is_lost_and_nothing_is_left(small):
    prompts = [f"one system prompt for all, and question {i % 100} of them" for i in range(120)]

    async def ask(client: httpx.AsyncClient, i: int) -> str:
        body = {"prompt": prompts[i], "stream": i % 4 > 0, "max_tokens": 7, "ignore_eos": True}
        response = await client.post("/v1/completions", json=body)
        assert response.status_code == 200
        if not body["stream"]:
            return response.json()["choices"][0]["text"]
        return "".join(event["choices"][0]["text"] for event in events(response))

    async def together() -> list[str]:
        limits = httpx.Limits(max_connections=120)
        async with httpx.AsyncClient(base_url=small.base_url, timeout=60, limits=limits) as client:
            return await asyncio.gather(*(ask(client, i) for i in range(120)))

    answers = asyncio.run(together())
    told = settled(small)
    assert only_cached_pages_are_used(told)
    assert told["kvreplay_pool_copied_pages_total"] == 0  # full pages are shared, and nobody writes to those
    assert sum(told[f'kvreplay_requests_failed_total{{reason="{why}"}}'] for why in ("queue_full", "timeout")) == 0
    assert told['kvreplay_cached_answers{tier="exact"}'] == 50
    gc.collect()
    assert not [thing for thing in gc.get_objects() if type(thing) is Job]
    with serving() as alone:
        for i in np.random.default_rng(0).integers(0, 120, 5):
            expected = complete(alone, prompts[i], max_tokens=7, ignore_eos=True)
            assert answers[i] == expected.json()["choices"][0]["text"]


def test_requests_that_run_at_once_share_the_pages_of_their_prefix(gate):
    bodies = [{"prompt": "p" * 64 + end, "stream": True, "max_tokens": 400, "ignore_eos": True} for end in "ab"]
    with serving(drafts=0) as client, contextlib.ExitStack() as streams:
        responses = [streams.enter_context(client.stream("POST", "/v1/completions", json=body)) for body in bodies]
        lines = [response.iter_lines() for response in responses]  # which end the stream when they are forgotten
        assert all(map(next, lines))
        gate.clear()
        told = figures(client)
        used, held = told['kvreplay_pool_pages{state="used"}'], told["kvreplay_pool_held_pages"]
        assert held - told["kvreplay_prefix_cached_pages"] - used == 64 // 16  # of the holders the cache is one
        gate.set()


def test_who_leaves_a_stream_frees_the_pages(small, monkeypatch):
    step = Decoder.step
    monkeypatch.setattr(Decoder, "step", lambda self: (time.sleep(0.005), step(self))[1])
    body = {"prompt": "a long answer", "stream": True, "max_tokens": 400, "ignore_eos": True}
    with small.stream("POST", "/v1/completions", json=body) as response:
        next(response.iter_lines())
    told = settled(small)
    assert told[GONE] == 1
    assert only_cached_pages_are_used(told)


def test_more_than_may_wait_are_sent_away_and_who_left_makes_room(gate):
    def send(stream: bool) -> socket.socket:
        body = json.dumps({"prompt": "x", "max_tokens": 400, "ignore_eos": True, "stream": stream})
        head = (
            f"POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        connection = socket.create_connection((client.base_url.host, client.base_url.port))
        connection.sendall(f"{head}\r\n\r\n{body}".encode())
        return connection

    with serving(at_once=1, queue=1, drafts=0) as client:
        gate.clear()
        connections = []
        for taken in (1, 2):
            connections.append(send(stream=taken == 2))
            settled(client, taken)
        refused = complete(client, "x")
        assert refused.status_code == 429
        assert refused.headers["retry-after"] == "1"
        assert refused.json()["error"]["code"] == "queue_full"
        for connection in connections:
            connection.close()
        gate.set()
        told = settled(client)
        assert told['kvreplay_requests_failed_total{reason="queue_full"}'] == 1
        assert told[GONE] == 2
        assert complete(client, "y").status_code == 200


def test_what_takes_too_long_is_given_up(monkeypatch):
    step = Decoder.step
    monkeypatch.setattr(Decoder, "step", lambda self: (time.sleep(0.02), step(self))[1])
    with serving(timeout=0.01, drafts=0) as client:
        late = complete(client, "x", max_tokens=5, ignore_eos=True)
        assert late.status_code == 504
        assert late.json()["error"]["code"] == "timeout"
        begun = complete(client, "x", max_tokens=5, ignore_eos=True, stream=True)
        assert begun.status_code == 200
        *_, last = begun.text.strip().split("\n\n")
        assert json.loads(last.removeprefix("data: "))["error"]["code"] == "timeout"
        assert only_cached_pages_are_used(settled(client))


def test_whoever_was_taken_is_answered_before_the_end(gate):
    answers = []

    def ask(url: str, i: int) -> None:
        response = httpx.post(f"{url}/v1/completions", json={"prompt": f"{i}", "max_tokens": 5}, timeout=60)
        answers.append(response.status_code)

    with running_server(at_once=1) as url, httpx.Client(base_url=url) as client:
        gate.clear()
        threads = [threading.Thread(target=ask, args=(url, i)) for i in range(3)]
        for thread in threads:
            thread.start()
        settled(client, 3)
        threading.Timer(0.2, gate.set).start()
    for thread in threads:
        thread.join()
    assert answers == [200, 200, 200]
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_a_broken_engine_says_so(monkeypatch, caplog):
    with serving() as client:
        monkeypatch.setattr(Decoder, "step", lambda self: 1 / 0)
        for _ in range(2):
            response = complete(client, "x")
            assert response.status_code == 503
            assert "ZeroDivisionError" in response.json()["error"]["message"]
        assert client.get("/health").status_code == 503
    assert "the engine stopped" in caplog.text
