"""Live replays against a small server on loopback: what is measured is what the server did, troubles are counted."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
import shutil
import sys

import numpy as np
import polars as pl
import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

import kvreplay as kv
from kvreplay.simulator.caches.pages import PrefixCache
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.live.client import pause
from kvreplay.simulator.live.errors import LiveError
from kvreplay.simulator.live.replay import replay_live
from kvreplay.simulator.live.run import open_run
from kvreplay.simulator.live.summary import cacheable_tokens, summary
from kvreplay.simulator.serving.validation import read_run
from kvreplay.traces import Trace, TraceError

from .fake import Fake, serving

FAST = {"speed": 1e6}
SERIAL = FAST | {"connections": 1}


@pytest.fixture(scope="module")
def chats() -> Trace:
    return kv.generate("conversation", sessions=12, seed=3)


def lengths(n: int, gap: float, tokens: int = 3) -> Trace:
    """Requests without pages, `gap` seconds apart."""
    column = np.full(n, tokens, np.int32)
    arrival = gap * np.arange(n)
    return Trace(
        "lengths",
        np.empty(0, np.uint32),
        0,
        np.zeros(n + 1, np.int64),
        arrival=arrival,
        prompt_tokens=column,
        output_tokens=column,
    )


@pytest.mark.parametrize("words", [str.split, lambda text: list(text.encode())], ids=["words", "bytes"])
def test_cached_tokens_of_serial_sending_are_the_prefix_cache_s(chats, words, tmp_path):
    """By the cache that simulated servers have: lookups of all full pages but one that holds the last token."""
    fake = Fake(tokenize=words, page_tokens=chats.page_tokens)
    with serving(fake.app()) as url:
        run = replay_live(chats, url, tmp_path, **SERIAL)
    table = run.finished.sort("request")
    assert run.failures.total() == 0
    assert table["request"].to_list() == list(range(chats.n_requests))
    assert table["prompt_tokens"].to_list() == chats.prompt_tokens.tolist()
    assert table["output_tokens"].to_list() == chats.output_tokens.tolist()
    cache, size, hits = PrefixCache.for_trace(chats, chats.n_pages), chats.page_tokens, []
    for i, tokens in enumerate(chats.prompt_tokens.tolist()):
        pages = chats.pages[chats.offsets[i] : chats.offsets[i + 1]]
        prefix = cache.lookup(pages[: (tokens - 1) // size])
        hits.append(prefix.hits * size)
        cache.extend(prefix, pages[(tokens - 1) // size : tokens // size])
        cache.insert(prefix)
        cache.release(prefix)
    assert sum(hits) > 0
    assert table["cached_tokens"].to_list() == hits
    assert cacheable_tokens(chats, chats.n_requests).tolist() == hits
    assert fake.most == 1


def test_the_run_is_one_that_validate_reads(chats, tmp_path):
    fake = Fake(overhead=3)
    with serving(fake.app()) as url:
        run = replay_live(chats, url, tmp_path, max_requests=20, chat=True, **FAST)
    told = read_run(tmp_path / "run.csv")
    assert told["prompt_tokens"].to_list() == chats.prompt_tokens[told_order(run)].tolist()
    assert all("messages" in body and body["ignore_eos"] for body in fake.asked)
    assert open_run(tmp_path).records == run.records
    row = summary(run, chats)
    assert row["answered"] == row["requests"] == 20
    assert row["prompt_error"] == row["shorter_answers"] == 0
    assert 0 < row["ttft_p50"] <= row["e2e_p50"]


def told_order(run) -> list[int]:
    return run.finished["request"].to_list()


def test_times_are_those_of_the_server(tmp_path):
    """Each of three tokens takes 50 ms more than the one before it began; requests 10 ms apart overlap."""
    fake = Fake(step=0.05)
    with serving(fake.app()) as url:
        table = replay_live(lengths(4, 0.02), url, tmp_path, speed=2).finished
    assert table["due"].to_list() == pytest.approx([0, 0.01, 0.02, 0.03])
    assert (table["late"] >= 0).all()
    assert (table["ttft"] >= 0.05).all()
    assert (table["tpot"] >= 0.049).all()
    assert (table["e2e"] >= 0.149).all()
    assert fake.most == 4


def test_no_more_are_under_way_than_may_be_and_the_others_are_late(tmp_path):
    fake = Fake(step=0.02)
    with serving(fake.app()) as url:
        run = replay_live(lengths(8, 0.0), url, tmp_path, connections=2)
    assert fake.most == 2
    assert summary(run, lengths(8, 0.0), late=0.05)["late"] == 6  # all but the first two wait for 60 ms or more


def test_a_busy_server_is_asked_again_when_it_says(tmp_path):
    async def busy(number: int, body: dict):
        if number < 3:
            headers = [{"Retry-After": "0.05"}, {"Retry-After": "0"}, {}][number]
            return web.Response(status=429 if number else 503, headers=headers)
        return None

    with serving(Fake(trouble=busy).app()) as url:
        run = replay_live(lengths(2, 0.0), url, tmp_path, connections=1)
    assert run.finished["attempts"].to_list() == [4, 1]
    # What the one who asks waits for: 50 ms, nothing, and a second pause of its own, which would be 0.25 * 2**2 s.
    assert run.finished["ttft"][0] > 1.05
    assert summary(run, lengths(2, 0.0))["asked_again"] == 1


@pytest.mark.parametrize(
    ("asked", "attempt", "seconds"),
    [
        *(("3", 5, 3), ("0", 0, 0), (None, 2, 1), (None, 30, 60), ("9999", 0, 60)),
        *(("soon", 1, 0.5), ("-1", 0, 0.25), ("nan", 0, 0.25)),
        *(("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0.25), ("Wed, 21 Oct 2465 07:28:00 GMT", 0, 60)),
    ],
)
def test_how_long_to_wait(asked, attempt, seconds):
    assert pause(asked, attempt) == seconds


def test_what_fails_is_counted_by_kind_and_sent_again(tmp_path):
    async def broken(number: int, body: dict):
        await asyncio.sleep(0)
        return [None, "break", "end", "error", web.Response(status=500), web.Response(status=400)][number]

    fake = Fake(trouble=broken)
    trace = lengths(6, 0.0)
    with serving(fake.app()) as url:
        run = replay_live(trace, url, tmp_path, connections=1)
        assert run.failures == {
            "broken connection": 1,
            "broken stream": 1,
            "error in the answer": 1,
            "HTTP 500": 1,
            "HTTP 400": 1,
        }
        assert told_order(run) == [0]
        assert len(read_run(tmp_path / "run.csv")) == 1
        fake.trouble = None
        assert sorted(told_order(replay_live(trace, url, tmp_path, connections=1))) == list(range(6))
        assert len(fake.asked) == 11  # what was answered is not sent again
        replay_live(trace, url, tmp_path, connections=1)
        assert len(fake.asked) == 11


def test_a_server_that_tells_no_usage_is_told(tmp_path):
    with serving(Fake(usage=False).app()) as url, pytest.raises(LiveError, match=r"tells no usage\.prompt_tokens"):
        replay_live(lengths(1, 0.0), url, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_server_that_knows_no_ignore_eos_is_asked_without(tmp_path):
    fake = Fake(strict=True)
    with serving(fake.app()) as url:
        assert len(replay_live(lengths(2, 0.0), url, tmp_path, api_key="secret").finished) == 2
    assert all("ignore_eos" not in body for body in fake.asked)
    assert fake.headers[-1]["Authorization"] == "Bearer secret"
    assert "secret" not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_a_folder_of_another_run_is_left_alone(tmp_path):
    with serving(Fake().app()) as url:
        replay_live(lengths(1, 0.0), url, tmp_path)
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        with pytest.raises(LiveError, match=r"has a run with another speed, 1\.0 instead of 2; choose another folder"):
            replay_live(lengths(1, 0.0), url, tmp_path, speed=2)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_run_goes_on_behind_a_line_that_was_cut(tmp_path):
    fake = Fake()
    trace = lengths(3, 0.0)
    with serving(fake.app()) as url:
        replay_live(trace, url, tmp_path, connections=1)
        records = tmp_path / "requests.jsonl"
        records.write_bytes(records.read_bytes()[:-20])
        assert told_order(open_run(tmp_path)) == [0, 1]
        assert sorted(told_order(replay_live(trace, url, tmp_path, connections=1))) == [0, 1, 2]
    assert len(fake.asked) == 4


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recorded")
    with serving(Fake().app()) as url:
        replay_live(lengths(3, 0.0), url, folder, connections=1)
    return folder


@given(st.integers(0, 700), st.binary(max_size=6), st.integers(0, 6))
@settings(deadline=None, max_examples=60)
def test_whatever_a_recorded_file_has_it_is_read_or_told(recorded, tmp_path_factory, at, put, cut):
    folder = tmp_path_factory.mktemp("fuzz")
    shutil.copytree(recorded, folder, dirs_exist_ok=True)
    content = (folder / "requests.jsonl").read_bytes()
    (folder / "requests.jsonl").write_bytes(content[:at] + put + content[at + cut :])
    try:
        run = open_run(folder)
    except LiveError:
        return
    assert np.isfinite(run.finished["e2e"].to_numpy()).all()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("127.0.0.1:1", "127.0.0.1:1: is no address of a server; write for example http://"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1/v1: no answer (ClientConnectorError); is a server running there?"),
    ],
)
def test_what_is_no_server(url, message, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["live", url, "--trace", "generate:conversation:sessions=2", "--out", out]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"kvreplay: {message}")
    assert told.count("\n") == 1


def test_without_aiohttp_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    monkeypatch.delitem(sys.modules, "kvreplay.simulator.live.transport")
    with pytest.raises(LiveError, match=r"^aiohttp: is not installed.*; pip install 'kvreplay\[live\]'$"):
        importlib.import_module("kvreplay.simulator.live.transport")


def test_what_no_live_run_can_be_made_of(chats, tmp_path):
    with pytest.raises(LiveError, match="speed 0: is no pace"):
        replay_live(chats, "http://127.0.0.1:1", tmp_path, speed=0)
    with pytest.raises(LiveError, match="connections 0: lets nothing"):
        replay_live(chats, "http://127.0.0.1:1", tmp_path, connections=0)
    still = Trace("still", np.empty(0, np.uint32), 0, np.zeros(1, np.int64))
    with pytest.raises(TraceError, match="has no arrival times"):
        replay_live(still, "http://127.0.0.1:1", tmp_path)


def test_the_command_prints_draws_and_goes_on(tmp_path, capsys, monkeypatch):
    out, plot = tmp_path / "out", tmp_path / "live.svg"
    monkeypatch.setenv("KEY", "secret")
    source = "generate:conversation:sessions=6:seed=3"
    fake = Fake()
    with serving(fake.app()) as url:
        command = ["live", url, "--trace", source, "--out", str(out), "--speed", "1000000x", "--max-requests", "9"]
        simulated = ["--simulate", "device=a100", "--simulate", "max_num_seqs=4"]
        assert main([*command, "--api-key-env", "KEY", "--plot", str(plot), *simulated]) == 0
        told = capsys.readouterr()
        assert "\nsimulated on llama-3.1-8b, a100, step cost fitted" in told.out
        assert re.search(r"token hit ratio: \d\d\.\d\d% recorded, \d\d\.\d\d% simulated\n$", told.out)
        assert "9 requests: 9 answered, 0 failed\n" in told.out
        assert "0.000% off the trace, 0 at most in one (tokens per word: 1, besides: 0)" in told.out
        assert "9 of 9 requests" in told.err
        assert "<svg" in plot.read_text()
        assert main([*command, "--json"]) == 0
        row = json.loads(capsys.readouterr().out)
        assert row["answered"] == len(pl.read_csv(out / "run.csv")) == len(fake.asked) == 9
        assert main([*command, "--api-key-env", "NO_KEY"]) == 2
        assert "NO_KEY: the environment has no such variable" in capsys.readouterr().err
        assert main([*command, "--simulate", "devise=h100"]) == 2
        assert "unknown parameter 'devise', did you mean 'device'?" in capsys.readouterr().err
    for speed in ("0x", "fast", "inf"):
        with pytest.raises(SystemExit):
            main([*command, "--speed", speed])
        assert f"'{speed}' is no pace; write for example 2x" in capsys.readouterr().err
