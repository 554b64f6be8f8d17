"""`kvreplay serve` as a person runs it: it says where, ends with what it began, and tells mistakes in a line."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest

from kvreplay.simulator.cli.main import main


def test_a_signal_lets_a_stream_finish():
    program = "from kvreplay.simulator.cli.main import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, "serve", "--model", "random", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            said = server.stderr.readline()
            url = re.fullmatch(r"kvreplay: serving random-bytes on (http://127\.0\.0\.1:\d+); Ctrl-C ends it\n", said)[
                1
            ]
            body = {"prompt": "x", "max_tokens": 500, "ignore_eos": True, "stream": True}
            with httpx.stream("POST", f"{url}/v1/completions", json=body, timeout=60) as response:
                lines = response.iter_lines()
                next(lines)
                server.send_signal(signal.SIGTERM)
                assert list(lines)[-2:] == ["data: [DONE]", ""]
            assert server.wait(60) == 0
            assert server.stderr.read() == ""
        finally:
            server.kill()


def test_mistakes_are_told_in_a_line(capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for arguments, told in (
            (
                ["--port", f"{port}"],
                f"cannot listen on 127.0.0.1 port {port} (Address already in use); give another host",
            ),
            (["--pages", "0", "--exact", "x"], "parameter 'pages' is 0: input should be greater than or equal to 2; "),
            (["--port", "0", "--api-keys", "/nowhere"], "/nowhere: No such file or directory"),
            (["--port", "0", "--model", "random", "--policy", "nix"], "nix"),
        ):
            assert main(["serve", *arguments]) == 2
            error = capsys.readouterr().err
            assert told in error
            assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("host", "keys", "warned"), [("0.0.0.0", [], 1), ("0.0.0.0", ["--api-keys", "k"], 0), ("127.0.0.1", [], 0)]
)
def test_who_can_be_reached_by_all_is_warned(host, keys, warned, tmp_path, monkeypatch, recwarn):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "k").write_text("sesame")
    assert main(["serve", "--host", host, "--port", "0", "--model", "random", "--policy", "nix", *keys]) == 2
    assert sum("give --api-keys" in str(warning.message) for warning in recwarn) == warned


def test_without_its_extra_it_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    monkeypatch.delitem(sys.modules, "kvreplay.simulator.server.app", raising=False)
    assert main(["serve", "--port", "0"]) == 2
    assert "fastapi is not installed; pip install 'kvreplay[serve]'" in capsys.readouterr().err
