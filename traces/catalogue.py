"""The catalogue of public traces (catalogue.yaml): what there is, where it lies here, how to fetch it."""

from __future__ import annotations

import functools
import gzip
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kvreplay.parameters import nearest

from .download import Progress, download
from .errors import TraceError


@dataclass(frozen=True)
class Entry:
    """One public trace; catalogue.yaml says what each field means."""

    name: str
    title: str
    home: str
    file: str
    licence: str
    citation: str
    notes: str
    url: str | None = None
    sha256: str | None = None
    bytes: int | None = None
    format: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


def entries() -> list[Entry]:
    """Every entry, in the order of the file."""
    return list(_entries().values())


def find(name: str) -> Entry:
    """The entry called `name`. Raises TraceError with the nearest name where there is none."""
    known = _entries()
    if name not in known:
        raise TraceError(f"the catalogue has no trace {name!r}, {nearest(name, list(known))}")
    return known[name]


def locate(name: str) -> Path:
    """The file of trace `name` on this machine: in KVREPLAY_TRACE_DIR or among the fetched ones.

    Raises TraceError where it is in neither; the network is never asked.
    """
    path = _local(find(name))
    if path is None:
        raise TraceError(f"trace {name!r} is not on this machine", mend=f"run `kvreplay traces fetch {name}`")
    return path


def fetch(name: str, progress: Progress | None = None) -> Path:
    """The file of trace `name`, checked against its SHA-256: from a mirror or the cache, else downloaded.

    A mirror's file is used where it lies. `progress` is called with the bytes received and the bytes in all
    (None: unknown). Raises TraceError where the file cannot be had or is not the published one.
    """
    entry = find(name)
    path = _local(entry)
    if path is not None:
        found = digest(path, published_as=entry.file)
        if entry.sha256 not in (None, found):
            raise TraceError(
                f"SHA-256 is {found}, not {entry.sha256} as published",
                file=path,
                mend="delete it and fetch it again",
            )
        return path
    if entry.url is None:
        raise TraceError(
            f"trace {name!r} has no public file to fetch",
            mend=f"see {entry.home}, or set KVREPLAY_TRACE_DIR to a mirror",
        )
    download(entry.url, _target(entry), sha256=entry.sha256, size=entry.bytes, progress=progress)
    return _target(entry)


def digest(path: Path, published_as: str) -> str:
    """SHA-256 of `path`, 64 hex digits; of its content where a mirror compressed the file `published_as`."""
    compressed = path.name == f"{published_as}.gz"
    with gzip.open(path) if compressed else path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def present(entry: Entry) -> bool:
    """Whether `locate` would find the file of `entry`."""
    return _local(entry) is not None


def cache_dir() -> Path:
    """Where fetched traces are kept: KVREPLAY_CACHE_DIR, or kvreplay/traces among the user's caches."""
    if named := os.environ.get("KVREPLAY_CACHE_DIR"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kvreplay" / "traces"


@functools.cache
def _entries() -> dict[str, Entry]:
    import yaml

    text = Path(__file__).with_name("catalogue.yaml").read_text(encoding="utf-8")
    return {name: Entry(name=name, **fields) for name, fields in yaml.safe_load(text).items()}


def _target(entry: Entry) -> Path:
    return cache_dir() / entry.file


def _local(entry: Entry) -> Path | None:
    candidates = [_target(entry)]
    if mirror := os.environ.get("KVREPLAY_TRACE_DIR"):
        candidates[:0] = [Path(mirror) / entry.file, Path(mirror) / f"{entry.file}.gz"]
    # Unlike Path.is_file, this takes what cannot be looked at for absent.
    return next((path for path in candidates if os.path.isfile(path)), None)
