"""Downloads from a server on this machine that resumes, refuses, cheats or hangs up."""

from __future__ import annotations

import hashlib
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kvreplay.traces.download import download
from kvreplay.traces.errors import TraceError

CONTENT = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT at /file; the flags say how it misbehaves, and `ranges` what it was asked for."""

    ignores_range = False
    hangs_up_after: int | None = None
    states_length = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        if self.path != "/file":
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and not self.server.ignores_range else 0
        if start >= len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if self.server.states_length:
            self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : self.server.hangs_up_after])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "trace.bin"


def part_of(target: Path) -> Path:
    return target.with_name("trace.bin.part")


def test_a_file_arrives_whole(server: Server, target: Path) -> None:
    seen = []
    download(server.url, target, sha256=SHA256, size=len(CONTENT), progress=lambda *now: seen.append(now))
    assert target.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert list(target.parent.iterdir()) == [target]


def test_a_broken_download_is_resumed_where_it_stopped(server: Server, target: Path) -> None:
    server.hangs_up_after = 100_000
    with pytest.raises(TraceError, match=r"broke off after 100,000 of 256,000 bytes; try again to resume"):
        download(server.url, target, sha256=SHA256)
    assert not target.exists()
    server.hangs_up_after = None
    seen = []
    download(server.url, target, sha256=SHA256, progress=lambda *now: seen.append(now))
    assert target.read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=100000-"]
    assert seen[0][0] > 100_000


def test_a_server_that_ignores_range_sends_everything_again(server: Server, target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(CONTENT[:5000])
    server.ignores_range = True
    download(server.url, target, sha256=SHA256)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("leftover", [CONTENT, CONTENT + b"more"])
def test_a_leftover_that_leaves_nothing_to_send_is_thrown_away(server: Server, target: Path, leftover: bytes) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(leftover)
    download(server.url, target, sha256=SHA256)
    assert target.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(leftover)}-", None]


def test_a_leftover_of_another_file_is_found_out(server: Server, target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(b"x" * 5000)
    with pytest.raises(TraceError, match="SHA-256 is"):
        download(server.url, target, sha256=SHA256)
    download(server.url, target, sha256=SHA256)
    assert target.read_bytes() == CONTENT


def test_the_wrong_content_leaves_nothing_behind(server: Server, target: Path) -> None:
    with pytest.raises(TraceError, match=f"SHA-256 is {SHA256}, not {'0' * 64}") as error:
        download(server.url, target, sha256="0" * 64)
    assert "\n" not in str(error.value)
    assert list(target.parent.iterdir()) == []


def test_more_than_the_catalogued_size_is_not_swallowed(server: Server, target: Path) -> None:
    with pytest.raises(TraceError, match="sends more than the 1,000 bytes"):
        download(server.url, target, size=1000)
    assert list(target.parent.iterdir()) == []


def test_the_size_is_known_from_the_catalogue_where_the_server_is_silent(server: Server, target: Path) -> None:
    server.states_length = False
    server.hangs_up_after = 100_000
    with pytest.raises(TraceError, match=r"broke off after 100,000 of 256,000 bytes"):
        download(server.url, target, size=len(CONTENT))


def test_a_missing_file_is_named(server: Server, target: Path) -> None:
    with pytest.raises(TraceError, match=r"/gone: the server answers 404 Not Found"):
        download(server.url.replace("file", "gone"), target)
    assert list(target.parent.iterdir()) == []


def test_a_server_that_is_not_there_is_named(target: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(TraceError, match=r"Connection refused; check the network"):
        download(f"http://127.0.0.1:{port}/file", target)


def test_without_a_sum_the_file_is_taken_as_it_comes(server: Server, target: Path) -> None:
    download(server.url, target)
    assert target.read_bytes() == CONTENT
