"""A trace on disk: a folder with one raw little-endian file per column, memory-mapped when opened."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np

from .errors import TraceError
from .trace import COLUMNS, Trace

SUFFIX = ".kvtrace"
_FORMAT = 1
_TYPES = {"name": str, "n_pages": int, "page_tokens": int | None, "content_hash": str, "meta": dict}


def save(trace: Trace, folder: Path) -> None:
    """Write `trace` to `folder`, whole or not at all; an existing store there is replaced.

    Raises TraceError where there is something else, or no room.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        seal(trace, partial, folder)
    except OSError as error:
        raise TraceError(f"cannot be written ({error})", file=folder, mend="write it elsewhere") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def seal(trace: Trace, partial: Path, folder: Path) -> None:
    """Complete `partial`, which may hold columns of `trace` already, and make it the store `folder`."""
    columns = {}
    for name in COLUMNS:
        column = getattr(trace, name)
        if column is not None:
            columns[name] = len(column)
            if not (partial / name).exists():
                column.tofile(partial / name)
    head = {
        "format": _FORMAT,
        "name": trace.name,
        "n_pages": trace.n_pages,
        "page_tokens": trace.page_tokens,
        "content_hash": trace.content_hash,
        "columns": columns,
        "meta": dict(trace.meta),
    }
    (partial / "trace.json").write_text(json.dumps(head, indent=1), encoding="utf-8")
    partial.chmod(0o755)  # temporary folders are the owner's alone, stores are not
    if folder.exists():
        if not (folder / "trace.json").is_file():
            raise TraceError("exists and is no trace store", file=folder, mend="name another folder")
        shutil.rmtree(folder)
    partial.rename(folder)


def open_trace(folder: Path) -> Trace:
    """The trace stored in `folder`, memory-mapped. Raises TraceError where it is no store, or a damaged one."""
    try:
        text = (folder / "trace.json").read_bytes()
    except FileNotFoundError as error:
        raise TraceError("is a folder, not a trace", file=folder, mend="name a file") from error
    except OSError as error:
        raise TraceError(f"cannot be read ({error.strerror})", file=folder) from error
    try:
        head = json.loads(text)
        if head["format"] != _FORMAT:
            raise ValueError(f"store format {head['format']}, this version reads {_FORMAT}")
        for key, kind in _TYPES.items():
            if not isinstance(head[key], kind):
                raise ValueError(f"{key} is {head[key]!r}")
        columns = {
            name: map_column(folder / name, np.dtype(COLUMNS[name][0]), length)
            for name, length in head["columns"].items()
        }
        trace = Trace(
            name=head["name"],
            n_pages=head["n_pages"],
            page_tokens=head["page_tokens"],
            meta=head["meta"],
            **columns,
        )
        # The stored hash stands for the content: hashing a trace larger than memory again would take minutes.
        trace.__dict__["content_hash"] = head["content_hash"]
    except (OSError, LookupError, TypeError, AttributeError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        mend = "write it again with `kvreplay traces convert`"
        raise TraceError(f"not a usable trace store ({reason})", file=folder, mend=mend) from error
    return trace


def map_column(path: Path, dtype: np.dtype, length: int | None = None) -> np.ndarray:
    """`path` as a read-only memory-mapped array. Raises ValueError unless it holds `length` entries."""
    found, rest = divmod(path.stat().st_size, dtype.itemsize)
    if rest or (length is not None and found != length):
        raise ValueError(f"column {path.name} holds {found} entries, expected {length}")
    if found == 0:
        return np.empty(0, dtype)
    return np.asarray(np.memmap(path, dtype, mode="r"))
