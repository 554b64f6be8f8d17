"""The server of these pages: on the loopback address, for whoever sits at this machine.

No part of a request is ever a path. It names a run, which has to be among those found in the folder.
"""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from kvreplay.simulator.report import ReportError
from kvreplay.simulator.report.workloads import check_metric

from . import pages, runs

_HOSTS = ("127.0.0.1", "localhost")
# A report may come from anybody: its scripts shall reach neither other reports nor the network.
_SANDBOX = "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_drawing = threading.Lock()  # matplotlib is not for several threads at once


def make_server(folder: str | Path, port: int = 0) -> ThreadingHTTPServer:
    """A server of the runs in `folder` on 127.0.0.1, to be run with `serve_forever`. Port 0 is any free one.

    Raises ReportError where there is no such folder, or the port is taken.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ReportError(f"{folder}: is no folder; name one that holds runs, such as results")
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), partial(_Handler, folder))
    except (OSError, OverflowError) as error:
        raise ReportError(f"port {port}: cannot be had ({error}); give another --port") from error


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, folder: Path, *args: object) -> None:
        self._folder = folder
        super().__init__(*args)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """Answer with a page, or with one that says what is wrong."""
        try:
            status, page = HTTPStatus.OK, self._page()
        except _Refused as error:
            status, page = error.status, pages.problem(error.status.phrase, str(error))
        except (ValueError, OSError) as error:
            status, page = HTTPStatus.UNPROCESSABLE_ENTITY, pages.problem("Cannot be shown", str(error))
        with contextlib.suppress(ConnectionError):  # whoever asked has gone
            self._answer(status, page.encode(errors="replace"))

    def _page(self) -> str:
        # Any site could make a name of its own resolve to this machine, and read along.
        if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in _HOSTS:
            raise _Refused(HTTPStatus.FORBIDDEN, "open it as localhost")
        address = urlsplit(self.path)
        asked = {name: values[-1] for name, values in parse_qs(address.query, errors="surrogateescape").items()}
        if address.path == "/":
            return pages.index(self._folder, asked.get("words", ""))
        found = runs.find(self._folder)

        def run(side: str) -> tuple[str, Path]:
            name = asked.get(side, "")
            if name not in found:
                raise _Refused(HTTPStatus.NOT_FOUND, f"no run is called {name!r}")
            return name, found[name]

        with _drawing:
            if address.path == "/report":
                return pages.report(run("run")[1])
            if address.path == "/compare":
                metric = check_metric(asked.get("metric", "hit_ratio"))
                return pages.comparison(run("first"), run("second"), metric)
        raise _Refused(HTTPStatus.NOT_FOUND, f"there is no page {address.path!r}")

    def _answer(self, status: HTTPStatus, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if self.path.startswith("/report"):
            self.send_header("Content-Security-Policy", _SANDBOX)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Nothing: a browser's requests are no news in a terminal."""


class _Refused(Exception):
    """What was asked for is not there, or not for whom it was asked."""

    def __init__(self, status: HTTPStatus, message: str) -> None:
        super().__init__(message)
        self.status = status
