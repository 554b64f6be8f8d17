"""oracleGeneral, the binary format of libCacheSim: 24 packed little-endian bytes a request, no header.

``struct {uint32 time (s); uint64 id; uint32 size (bytes); int64 next access}``: libCacheSim,
traceReader/customizedReader/oracle/oracleGeneralBin.h. The next access is not read: what comes next is known once
the trace is.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..builder import Batch
from . import Facts
from .fields import Clock
from .source import Source

VERSION = 2

_RECORD = np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")])
_ROWS = 1 << 15  # a batch and what is made of it stay in the processor's cache


def sniff(head: bytes, name: str) -> bool:
    if "oraclegeneral" in name.lower():
        return True
    if b"\0" not in head:
        return False
    rows = np.frombuffer(head[: len(head) // _RECORD.itemsize * _RECORD.itemsize], _RECORD)
    never = (rows["next"] == -1) | (rows["next"] == np.iinfo(np.int64).max)
    later = never | (rows["next"] > np.arange(len(rows)))
    return len(rows) > 0 and bool(later.all()) and bool((rows["time"][1:] >= rows["time"][:-1]).all())


def read(source: Source, add: Callable[[Batch], None]) -> Facts:
    """Takes no options."""
    clock = Clock(source)
    buffer = np.empty(_ROWS, _RECORD)  # filled again and again: fresh memory would cost more than the reading
    before = 0
    with source.open() as stream:
        while size := stream.readinto(buffer.view(np.uint8).data):
            whole, rest = divmod(size, _RECORD.itemsize)
            if rest:
                what = f"{rest} bytes behind {before + whole} requests of {_RECORD.itemsize} bytes"
                raise source.error(what, mend="the file is truncated, or of another format")
            rows = buffer[:whole]
            add(
                Batch(
                    keys=rows["id"].copy(),
                    arrival=clock.seconds(rows["time"].copy()),
                    key_bytes=rows["size"].astype(np.int64),
                )
            )
            before += whole
    return Facts(meta={"start": clock.start})
