"""A trace on disk: a folder with one raw little-endian file per column, memory-mapped when opened."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np

from .errors import TraceError
from .trace import COLUMNS, Trace

SUFFIX = ".kvtrace"
_FORMAT = 1


def save(trace: Trace, folder: Path) -> None:
    """Write `trace` to `folder`, whole or not at all; an existing store there is replaced."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=".partial-", dir=folder.parent))
    try:
        columns = {}
        for name in COLUMNS:
            column = getattr(trace, name)
            if column is not None:
                column.tofile(partial / name)
                columns[name] = len(column)
        head = {
            "format": _FORMAT,
            "name": trace.name,
            "n_pages": trace.n_pages,
            "page_tokens": trace.page_tokens,
            "content_hash": trace.content_hash,
            "columns": columns,
            "meta": dict(trace.meta),
        }
        (partial / "trace.json").write_text(json.dumps(head, indent=1))
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(partial, folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def open_trace(folder: Path) -> Trace:
    """The trace stored in `folder`, memory-mapped. Raises TraceError where the store is damaged."""
    head_file = folder / "trace.json"
    mend = "delete the folder and read the source again"
    try:
        head = json.loads(head_file.read_text())
        if head["format"] != _FORMAT:
            raise TraceError(f"store format {head['format']}, this version reads {_FORMAT}", file=folder, mend=mend)
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
    except (OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise TraceError(f"not a usable trace store ({error})", file=folder, mend=mend) from error
    # The stored hash stands for the content: hashing a trace larger than memory again would take minutes.
    trace.__dict__["content_hash"] = head["content_hash"]
    return trace


def map_column(path: Path, dtype: np.dtype, length: int | None = None) -> np.ndarray:
    """`path` as a read-only memory-mapped array; raises TraceError unless it holds `length` entries."""
    found, rest = divmod(path.stat().st_size, dtype.itemsize)
    if rest or (length is not None and found != length):
        raise TraceError(f"holds {found} entries, expected {length}", file=path, mend="delete the folder and read the source again")
    if found == 0:
        return np.empty(0, dtype)
    return np.asarray(np.memmap(path, dtype, mode="r"))
