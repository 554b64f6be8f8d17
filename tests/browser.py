"""A headless chromium to look at pages with, driven over a pipe by the DevTools protocol."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Browser:
    """One tab. `errors` are what its console and its scripts complained about, and `requests` the addresses that
    it loaded, since the page was opened."""

    def __init__(self, write: int, read: int) -> None:
        self._out, self._in = os.fdopen(write, "wb", buffering=0), os.fdopen(read, "rb")
        self._sent, self._buffer = 0, b""
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._session: str | None = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **params: Any) -> Any:
        """The result of a command of the DevTools protocol."""
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._sent:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]

    def _next(self) -> Any:
        while b"\0" not in self._buffer:
            chunk = self._in.read1(1 << 20)  # type: ignore[attr-defined]
            assert chunk, "the browser is gone"
            self._buffer += chunk
        text, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(text)
        self._heard(message.get("method", ""), message.get("params", {}))
        return message

    def _heard(self, event: str, told: Any) -> None:
        if event == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(told["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning", "assert"):
            self.errors.append(json.dumps(told["args"]))
        elif event == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.errors.append(told["entry"]["text"])
        elif event == "Network.requestWillBeSent" and told["request"]["url"] != "about:blank":
            self.requests.append(told["request"]["url"])
        elif event == "Page.loadEventFired":
            self._loaded = True

    def open(self, url: str, width: int = 1200, dark: bool = False, scripts: bool = True) -> None:
        """Load a page into a window so wide."""
        self.errors.clear()
        self.requests.clear()
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.send("Emulation.setScriptExecutionDisabled", value=not scripts)
        for step in ("about:blank", url):  # a page that differs in its fragment only would not be loaded
            self._loaded = False
            self.send("Page.navigate", url=step)
            self._wait()

    def run(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page."""
        told = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def press(self, *keys: str) -> None:
        """Keys, by their names in DOM."""
        codes = {"Enter": 13, "Tab": 9, "Escape": 27, " ": 32, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39}
        codes |= {"ArrowDown": 40, "Home": 36, "End": 35}
        # Chromium drops keys that come before the first frame is drawn.
        self.run("new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        for key in keys:
            text = {"Enter": "\r", " ": " "}.get(key)
            code = {"key": key, "windowsVirtualKeyCode": codes[key]}
            self.send("Input.dispatchKeyEvent", type="keyDown", **code, **({"text": text} if text else {}))
            self.send("Input.dispatchKeyEvent", type="keyUp", **code)

    def follow(self, *keys: str) -> None:
        """Press keys that lead to another page, and wait for it."""
        self._loaded = False
        self.press(*keys)
        self._wait()

    def _wait(self) -> None:
        while not self._loaded:
            self._next()

    def paper(self) -> bytes:
        """The page as PDF."""
        return base64.b64decode(self.send("Page.printToPDF", printBackground=True)["data"])


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A browser for as long as the block lasts."""
    assert CHROMIUM
    their_in, ours_out = os.pipe()
    ours_in, their_out = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        options += [
            f"--user-data-dir={profile}",
            "--no-first-run",
            "--disable-extensions",
            "--force-color-profile=srgb",
        ]
        # The pipe is at file descriptors 3 and 4, which the shell puts there.
        redirected = f'exec "$0" "$@" 3<&{their_in} 4>&{their_out}'
        process = subprocess.Popen(
            ["bash", "-c", redirected, CHROMIUM, *options],
            pass_fds=(their_in, their_out),
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        os.close(their_in)
        os.close(their_out)
        try:
            yield Browser(ours_out, ours_in)
        finally:
            process.kill()
            process.wait()
