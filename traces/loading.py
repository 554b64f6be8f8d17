"""From a file, a store or a catalogue name to a Trace: read once, kept in a cache folder, mapped from then on."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import xxhash

from kvreplay import parameters

from . import catalogue, formats, store, tokenizers
from .builder import Batch, TraceBuilder
from .errors import TraceError
from .formats.source import Source
from .synthesis import Synthesis, parse, with_pages
from .trace import Trace

_SUFFIXES = {".gz", ".zst", ".jsonl", ".csv", ".tsv", ".txt", ".bin", ".oraclegeneral", ".parquet", ".arrow"}

_PARTIAL = ".partial-"
_DAY = 24 * 3600  # seconds


def load(
    source: str | os.PathLike[str], format: str | None = None, *, synthesis: str | None = None, **options: Any
) -> Trace:
    """The trace in `source`: a trace file, a store folder (.kvtrace), or a name in the catalogue.

    `format` is one of `formats.names()`, told from the content by default; `options` are those of its reader.
    `synthesis` makes up the pages of a trace that records lengths only; see `traces.synthesis`.

    The first call reads the file into a store under ``$KVREPLAY_CACHE_DIR``, or else ``.kvreplay`` beside the file,
    or else the folder of fetched traces; later calls map that. A change to the file, format or options reads it again.

    Raises TraceError naming file and line where the trace is unusable, ParameterError for wrong options.
    """
    path, name, usual_format, usual_options = _locate(os.fspath(source))
    if path.is_dir():
        if format or synthesis or options:
            raise TraceError("a store is read as it is", file=path, mend="give neither format nor options")
        return store.open_trace(path)
    file = Source(path)
    if format in (None, usual_format):
        options = usual_options | options
    format = format or usual_format or _sniff(file)
    reader = formats.find(format)
    options = parameters.check(reader.read, f"format {format}", options)
    pages, described = parse(synthesis) if synthesis else (None, None)
    origin = {"source": path.name, "format": format, "options": options}
    if described:
        origin["synthesis"] = described
    code = [reader.VERSION, tokenizers.fingerprint(options["tokenizer"]) if "tokenizer" in options else ""]
    folder = _cache_folder(path)
    key = hashlib.sha256(json.dumps([name, origin, code, _content_hash(path)]).encode()).hexdigest()[:24]
    readable = re.sub(r"[^\w.-]", "-", name)[:80]
    stored = folder / f"{readable}-{key}{store.SUFFIX}"
    _sweep(folder)
    with contextlib.suppress(TraceError):  # not there yet, or damaged
        return store.open_trace(stored)
    with _scratch(folder) as scratch:
        whole = Path(scratch) / "whole"
        with TraceBuilder(whole) as builder:
            trace = _ingest(file, partial(reader.read, file, **options), pages, builder, name, origin)
        _publish(whole, stored)
    return trace  # its columns stay mapped, wherever their files go


def _ingest(
    file: Source,
    read: Callable[[Callable[[Batch], None]], formats.Facts],
    pages: Synthesis | None,
    builder: TraceBuilder,
    name: str,
    origin: dict[str, Any],
) -> Trace:
    """Read `file` into `builder`, with made-up `pages` if there are any, and finish it."""
    facts = read(lambda batch: builder.add(with_pages(file, batch, pages) if pages else batch))
    if builder.n_requests == 0:
        raise file.error("holds no requests", mend="check the file and its format")
    notes = list(facts.notes)
    if pages:
        notes.append(f"the pages are made up by {origin['synthesis']['name']}: what is shared is an assumption")
    if builder.size_changes:
        what = "another size than its first; where capacity is in bytes, a new size is a miss"
        notes.append(f"{builder.size_changes} accesses give an object {what}")
    if builder.cost_changes:
        notes.append(f"{builder.cost_changes} accesses give an object another cost than its first, which is kept")
    meta = facts.meta | origin | ({"notes": notes} if notes else {})
    return builder.finish(name, page_tokens=facts.page_tokens or (pages.page_tokens if pages else None), meta=meta)


def _content_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, xxhash.xxh3_128).hexdigest()


def _publish(whole: Path, stored: Path) -> None:
    """Rename the store `whole`; a good one that another process has put there meanwhile is the same and stays."""
    try:
        whole.rename(stored)
    except OSError:
        if not stored.exists():
            raise
        try:
            store.open_trace(stored)
        except TraceError:
            stored.rename(whole.with_name("damaged"))
            whole.rename(stored)


def _locate(source: str) -> tuple[Path, str, str | None, dict[str, Any]]:
    """The file or folder that `source` names; the name of its trace; format and options if the catalogue says."""
    if not source:
        raise TraceError("the trace has an empty name", mend="name a file, or one from `kvreplay traces list`")
    path = Path(source)
    if path.is_file() or path.is_dir():
        name = path
        while name.suffix.lower() in _SUFFIXES:
            name = name.with_suffix("")
        return path, name.name, None, {}
    if path.exists():
        raise TraceError("is no regular file", file=source, mend="copy its content to a file")
    if path.is_symlink():
        raise TraceError("is a broken link", file=source, mend="link it to a file that is there")
    if len(path.parts) > 1 or path.suffix.lower() in _SUFFIXES:
        raise TraceError("no such file", file=source, mend="check the path")
    entry = catalogue.find(source)
    if entry.format is None:
        raise TraceError(f"{source} is no request trace", mend=entry.notes.strip().splitlines()[0])
    return catalogue.locate(source), source, entry.format, dict(entry.options)


def _sniff(file: Source) -> str:
    head = file.head()
    if not head:
        raise file.error("is empty", mend="fetch or write the file again")
    found = formats.sniff(head, file.path.name)
    if found is None:
        raise file.error("is in no known format", mend=f"name its format, of {', '.join(formats.names())}")
    return found


def _cache_folder(path: Path) -> Path:
    """Where stores of the file `path` are kept."""
    # A folder without any write permission is meant to stay as it is, even where root could write.
    writable = os.access(path.parent, os.W_OK) and path.parent.stat().st_mode & 0o222
    if writable and not os.environ.get("KVREPLAY_CACHE_DIR"):
        return path.parent / ".kvreplay"
    return catalogue.cache_dir()


def _scratch(folder: Path) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder within the cache `folder`, which is made if need be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        return tempfile.TemporaryDirectory(prefix=_PARTIAL, dir=folder)
    except OSError as error:
        mend = "set KVREPLAY_CACHE_DIR to a folder that can be"
        raise TraceError(f"the cache cannot be written ({error.strerror})", file=folder, mend=mend) from error


def _sweep(folder: Path) -> None:
    """Delete what readings that were killed left in the cache `folder`: nothing in it was written for a day."""
    # Unlike Path.glob, this takes a folder that cannot be looked at for empty.
    for left in [folder / name for name in glob.glob(f"{_PARTIAL}*", root_dir=folder)]:
        with contextlib.suppress(OSError):  # another process sweeps or finishes it
            if max(path.stat().st_mtime for path in (left, *left.rglob("*"))) < time.time() - _DAY:
                shutil.rmtree(left)
