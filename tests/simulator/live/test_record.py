"""The recording proxy on loopback: clients see what the server sends, and the file says what was shared and no more."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

import kvreplay as kv
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.live.errors import LiveError
from kvreplay.simulator.live.proxy import proxy_app
from kvreplay.simulator.live.recording import Recording
from kvreplay.simulator.live.replay import replay_live
from kvreplay.traces import TraceError

from .fake import Fake, serving


@contextmanager
def recorded(fake: Fake, path, **settings):
    """The addresses of a server and of a proxy in front of it that records into `path`."""
    recording = Recording(path, **settings)
    with serving(fake.app()) as server:
        with serving(proxy_app(server, recording)) as proxy:
            yield server, proxy
        recording.close()


def ask(url: str, body, path: str = "/v1/completions", **more) -> tuple[int, dict, bytes]:
    """Status, headers and body of what a POST of `body` gets."""

    async def once():
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with (
            aiohttp.ClientSession() as session,
            session.post(URL(url + path, encoded=True), data=data, **more) as response,
        ):
            return response.status, dict(response.headers), await response.read()

    return asyncio.run(once())


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_trace_that_is_sent_through_the_proxy_comes_back(tmp_path):
    """The same lengths, and the same pages shared: numbered as before, since ids are in first-seen order."""
    trace = kv.generate("conversation", sessions=12, seed=3)
    path = tmp_path / "trace.jsonl"
    with recorded(Fake(page_tokens=trace.page_tokens), path, page_tokens=trace.page_tokens) as (_, proxy):
        run = replay_live(trace, proxy, tmp_path / "run", speed=1e6, connections=1)
    assert run.failures.total() == 0
    back = kv.load(str(path), page_tokens=trace.page_tokens)
    # Three probes came first: two halves of 256 words, 8 pages each, and all of them.
    probes = back.offsets[3]
    assert back.pages[:probes].tolist() == [*range(16), *range(8), *range(16, 24)]
    assert back.prompt_tokens[3:].tolist() == trace.prompt_tokens.tolist()
    assert back.output_tokens[3:].tolist() == trace.output_tokens.tolist()
    assert (back.offsets[3:] - probes).tolist() == trace.offsets.tolist()
    assert (back.pages[probes:].astype(int) - 24).tolist() == trace.pages.tolist()
    assert (np.diff(back.arrival) >= 0).all()


def test_streams_pass_as_they_come(tmp_path):
    fake = Fake(step=0.1)

    async def gaps(url: str) -> list[float]:
        times = []
        body = {"model": "fake", "prompt": "a b", "max_tokens": 4, "stream": True}
        async with aiohttp.ClientSession() as session, session.post(f"{url}/v1/completions", json=body) as response:
            async for _ in response.content.iter_any():
                times.append(asyncio.get_running_loop().time())
        return np.diff(times).tolist()

    with recorded(fake, tmp_path / "t.jsonl") as (_, proxy):
        found = asyncio.run(gaps(proxy))
    assert len(found) >= 3
    assert min(found[:3]) > 0.02  # pieces that were held back would come at once
    (line,) = lines(tmp_path / "t.jsonl")
    assert line.keys() == {"timestamp", "input_length", "output_length", "hash_ids"}
    assert (line["input_length"], line["output_length"], len(line["hash_ids"])) == (2, 4, 1)


def test_what_the_server_says_is_what_the_client_gets(tmp_path):
    seen = {}

    async def teapot(request: web.Request) -> web.Response:
        seen.update(request.headers, body=await request.read(), path=request.raw_path, method=request.method)
        headers = [
            ("Set-Cookie", "a=1"),
            ("Set-Cookie", "b=2"),
            ("X-More", "yes"),
            ("Connection", "X-Hop"),
            ("X-Hop", "1"),
        ]
        response = web.Response(status=418, text="short and stout")
        for name, value in headers:
            response.headers.add(name, value)
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", teapot)
    recording = Recording(tmp_path / "t.jsonl")
    with serving(app) as server, serving(proxy_app(server, recording)) as proxy:
        sent = {"Authorization": "Bearer k", "Cookie": "c=3", "X-Mine": "1", "Content-Type": "application/json"}
        status, headers, body = ask(proxy, b"{nonsense", "/v1/%7Eodd?q=%2F&r", headers=sent)
        assert (status, body, headers["X-More"]) == (418, b"short and stout", "yes")
        assert "X-Hop" not in headers
        assert (seen["path"], seen["body"], seen["method"]) == ("/v1/%7Eodd?q=%2F&r", b"{nonsense", "POST")
        assert {name: seen[name] for name in sent} == sent
        assert seen["Accept-Encoding"] == "identity"
        ask(proxy, {"prompt": "x"})
        assert "Cookie" not in seen or "a=1" not in seen["Cookie"]  # one client's cookies are not another's
    assert lines(tmp_path / "t.jsonl") == []


def test_troubles_pass_and_are_not_recorded(tmp_path):
    async def trouble(number: int, body: dict):
        await asyncio.sleep(0)
        return [web.json_response({"error": {"code": "busy"}}, status=429, headers={"Retry-After": "7"}), "break"][
            number
        ]

    fake = Fake(trouble=trouble)
    body = {"model": "fake", "prompt": "a b c", "max_tokens": 3, "stream": True}
    with recorded(fake, tmp_path / "t.jsonl") as (_, proxy):
        status, headers, told = ask(proxy, body)
        assert (status, headers["Retry-After"], json.loads(told)) == (429, "7", {"error": {"code": "busy"}})
        with pytest.raises(aiohttp.ClientError):
            ask(proxy, body)
    # The second was answered in part: that much was generated.
    assert [line["output_length"] for line in lines(tmp_path / "t.jsonl")] == [1]


def test_a_server_that_is_not_there(tmp_path):
    recording = Recording(tmp_path / "t.jsonl")
    with serving(proxy_app("http://127.0.0.1:1", recording)) as proxy:
        status, _, told = ask(proxy, {"prompt": "x"})
    assert status == 502
    assert json.loads(told)["error"]["message"].startswith("kvreplay record: no answer from http://127.0.0.1:1 (")
    assert lines(tmp_path / "t.jsonl") == []


def test_a_client_that_goes_away_ends_its_request_upstream(tmp_path):
    fake = Fake(step=0.05)
    body = {"model": "fake", "prompt": "a", "max_tokens": 10_000, "stream": True}

    async def leave(url: str) -> None:
        async with aiohttp.ClientSession() as session, session.post(f"{url}/v1/completions", json=body) as response:
            await response.content.readany()
        for _ in range(200):
            if fake.running == 0:
                return
            await asyncio.sleep(0.02)

    with recorded(fake, tmp_path / "t.jsonl") as (_, proxy):
        asyncio.run(leave(proxy))
        assert fake.running == 0
    (line,) = lines(tmp_path / "t.jsonl")
    assert 1 <= line["output_length"] < 200


def test_lines_are_in_order_of_arrival_whichever_ends_first(tmp_path):
    recording = Recording(tmp_path / "t.jsonl")
    first, second, third = recording.begin(), recording.begin(), recording.begin()
    describe = recording.describe
    recording.end(second, describe(b'{"prompt": "a b"}'), 2)
    assert lines(tmp_path / "t.jsonl") == []
    recording.end(first, describe(b'{"prompt": "a"}'), 1)
    assert [line["input_length"] for line in lines(tmp_path / "t.jsonl")] == [1, 2]
    recording.end(third, describe(b'{"prompt": "a b c"}'), None)  # had no answer
    assert recording.written == 2
    stamps = [line["timestamp"] for line in lines(tmp_path / "t.jsonl")]
    assert stamps == sorted(stamps)
    assert stamps[0] == 0


def test_what_shares_pages_and_what_does_not(tmp_path):
    recording = Recording(tmp_path / "t.jsonl", page_tokens=2)

    def pages(**body) -> list[int]:
        return recording.describe(json.dumps(body).encode())["hash_ids"]

    long, short, other = (pages(model="m", prompt=text) for text in ("a b c d e", "a b c x", "x b c d e"))
    assert len(long) == 3
    assert long[0] == short[0]
    assert long[1] != short[1]
    assert set(long).isdisjoint(other)  # the same words behind another beginning are other pages
    assert set(long).isdisjoint(pages(model="n", prompt="a b c d e"))
    assert set(long).isdisjoint(pages(model="m", prompt="a b c d e", cache_salt="s"))
    assert pages(model="m", prompt=["a b c d e"]) == long
    chat = [{"role": "user", "content": "a b c"}]
    assert pages(model="m", messages=chat)[0] == pages(model="m", messages=[*chat, {"role": "assistant"}])[0]
    assert pages(model="m", prompt=[5, 6, 7])[0] == pages(model="m", prompt=[5, 6, 8])[0]


def refuses(text: str) -> list[int]:
    """A tokenizer that cannot have one text."""
    if text == "b":
        raise KeyError(text)
    return [len(text)]


def test_a_text_that_the_tokenizer_refuses_holds_up_no_other(tmp_path):
    path = tmp_path / "t.jsonl"
    with recorded(Fake(), path, tokenizer=f"{__name__}:refuses") as (_, proxy):
        for prompt in ("a", "b", "cc"):
            assert ask(proxy, {"model": "fake", "prompt": prompt, "max_tokens": 1})[0] == 200
    assert len(lines(path)) == 2


def test_hashes_cannot_be_made_again_without_the_key(tmp_path):
    found = []
    for name in ("one", "two"):
        recording = Recording(tmp_path / name)
        recording.end(recording.begin(), recording.describe(b'{"prompt": "yes"}'), 1)
        found += lines(tmp_path / name)[0]["hash_ids"]
        assert recording._key not in (tmp_path / name).read_bytes()
        assert (tmp_path / name).stat().st_mode & 0o077 == 0
    assert found[0] != found[1]


def test_texts_only_when_asked_for(tmp_path, capsys):
    body = b'{"messages": [{"role": "user", "content": "the secret is out"}]}'
    for texts in (False, True):
        path = tmp_path / f"{texts}.jsonl"
        recording = Recording(path, texts=texts, page_tokens=4)
        recording.end(recording.begin(), recording.describe(body), 9)
        assert ("secret" in path.read_text()) == texts
    told, hashed = (kv.load(str(tmp_path / f"{texts}.jsonl"), page_tokens=4) for texts in (True, False))
    assert "the secret is out" in next(told.texts())
    assert hashed.text_bytes is None
    assert told.prompt_tokens.tolist() == hashed.prompt_tokens.tolist()
    assert told.output_tokens.tolist() == hashed.output_tokens.tolist() == [9]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "prompt", "messages"]), inner)
    ),
    max_leaves=8,
)
BODIES = st.dictionaries(st.sampled_from(["prompt", "messages", "model", "cache_salt"]), JSON).map(json.dumps)


@given(st.one_of(st.binary(max_size=40), BODIES.map(str.encode)), st.booleans())
@settings(deadline=None, max_examples=60)
def test_whatever_is_asked_the_file_can_be_read(tmp_path_factory, body, texts):
    path = tmp_path_factory.mktemp("fuzz") / "t.jsonl"
    recording = Recording(path, texts=texts)
    for asked in (b'{"prompt": "a b"}', body):
        recording.end(recording.begin(), recording.describe(asked), 1)
    recording.close()
    assert kv.load(str(path)).n_requests == recording.written >= 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"upstream": "nowhere"}, "nowhere: is no address of a server"),
        ({"port": 70000}, "port 70000: is none; give 0 to"),
    ],
)
def test_what_cannot_be_recorded(changed, message, tmp_path, capsys):
    given = {"upstream": "http://127.0.0.1:1", "port": 0, "out": tmp_path / "t.jsonl"} | changed
    assert main(["record", *(f"--{name}={value}" for name, value in given.items())]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1
    assert not (tmp_path / "t.jsonl").exists()


def test_an_older_recording_is_not_added_to(tmp_path):
    (tmp_path / "t.jsonl").write_text("precious")
    with pytest.raises(LiveError, match=r"t\.jsonl: exists, and its key is gone; record into another file"):
        Recording(tmp_path / "t.jsonl")
    assert (tmp_path / "t.jsonl").read_text() == "precious"
    with pytest.raises(TraceError, match="unknown tokenizer 'wrods'"):
        Recording(tmp_path / "new.jsonl", tokenizer="wrods")
    assert not (tmp_path / "new.jsonl").exists()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_command_records_until_it_dies(number, tmp_path):
    path = tmp_path / "t.jsonl"
    with serving(Fake().app()) as server:
        script = "import sys; from kvreplay.simulator.cli.main import main; sys.exit(main())"
        command = [
            sys.executable,
            "-c",
            script,
            "record",
            f"--upstream={server}/v1",
            "--port=0",
            f"--out={path}",
            "--texts",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as proxy:
            url = proxy.stdout.readline().split()[0]
            for i in range(3):
                assert ask(url, {"model": "fake", "prompt": f"say {i}", "max_tokens": 2})[0] == 200
            while len(lines(path)) < 3:  # a line follows the end of its answer
                time.sleep(0.01)
            os.kill(proxy.pid, number)
            out, err = proxy.communicate(timeout=30)
    assert err == f"kvreplay: --texts: EVERY PROMPT IS WRITTEN IN CLEAR to {path}\n"
    trace = kv.load(str(path))
    assert list(trace.texts()) == ["say 0", "say 1", "say 2"]
    if number == signal.SIGTERM:
        assert proxy.returncode == 0
        assert out == f"3 requests; kvreplay replay {path} --option tokenizer=words --option page_tokens=16\n"
