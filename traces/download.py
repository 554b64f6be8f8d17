"""One file from the network, whole and checked or not at all: resumed where an earlier try broke off."""

from __future__ import annotations

import hashlib
import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from .errors import TraceError

Progress = Callable[[int, int | None], None]  # bytes received, bytes in all (None: unknown)

_CHUNK = 1 << 20
_TIMEOUT = 30  # seconds without a byte


def download(
    url: str,
    target: Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Fetch `url` to `target` through ``target.part``, which is resumed from when a connection broke off.

    `size` is what the file should have: one byte more ends the download. Raises TraceError where the server
    cannot be reached, refuses, breaks off, or sends something else than `sha256`.
    """
    part = target.with_name(target.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        total = _receive(url, part, size, progress)
    except urllib.error.HTTPError as error:
        raise TraceError(
            f"{url}: the server answers {error.code} {error.reason}", mend="see the trace's home page"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise TraceError(
            f"{url}: {reason or type(error).__name__}", mend="check the network and try again to resume"
        ) from error
    received = part.stat().st_size
    if total is not None and received < total:
        raise TraceError(f"{url}: broke off after {received:,} of {total:,} bytes", mend="try again to resume")
    with part.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if sha256 is not None and found != sha256:
        part.unlink()
        raise TraceError(
            f"{url}: SHA-256 is {found}, not {sha256}",
            mend="the file was removed; try again, or report that it changed",
        )
    os.replace(part, target)


def _receive(url: str, part: Path, size: int | None, progress: Progress | None) -> int | None:
    """Append to `part` what is missing; returns the bytes that there should be, None where nobody says."""
    have = part.stat().st_size if part.exists() else 0
    try:
        response = _open(url, have)
    except urllib.error.HTTPError as error:
        if error.code != 416 or have == 0:
            raise
        # Nothing to send from there on: the part is whole, or of another file. Only starting again can tell.
        have = 0
        response = _open(url, 0)
    with response:
        # A server that ignores Range answers 200 and sends the whole.
        have = have if response.status == 206 else 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length and length.isdecimal() else size
        with part.open("ab" if have else "wb") as file:
            while chunk := response.read(_CHUNK):
                have += len(chunk)
                if size is not None and have > size:
                    break
                file.write(chunk)
                if progress is not None:
                    progress(have, total)
    if size is not None and have > size:
        part.unlink()
        raise TraceError(f"{url}: sends more than the {size:,} bytes of the trace", mend="report that it changed")
    return total


def _open(url: str, have: int) -> http.client.HTTPResponse:
    headers = {"User-Agent": "kvreplay"} | ({"Range": f"bytes={have}-"} if have else {})
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT)
