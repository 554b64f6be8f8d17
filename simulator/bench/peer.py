"""libcachesim (C engine, Python wheel) as the peer of the replay benchmark; optional."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from kvreplay.simulator.replay.future import future_of
from kvreplay.traces.trace import Trace

# Policies that both have, by our name.
NAMES = {
    "lru": "LRU",
    "fifo": "FIFO",
    "lfu": "LFU",
    "sieve": "Sieve",
    "s3-fifo": "S3FIFO",
    "w-tinylfu": "WTinyLFU",
    "random": "Random",
    "belady": "Belady",
    "clock": "Clock",
    "slru": "SLRU",
    "2q": "TwoQ",
    "arc": "ARC",
    "lru-k-no-history": "LRUK",
    "lfuda": "LFUDA",
    "gdsf": "GDSF",
    "lirs": "LIRS",
    "lecar": "LeCaR",
    "cacheus": "Cacheus",
    "hyperbolic": "Hyperbolic",
    "lhd": "LHD",
}
DEFAULT_TABLE = 24  # libcachesim's hashpower unless told otherwise

_RECORD = np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")])


def is_installed() -> bool:
    return importlib.util.find_spec("libcachesim") is not None


def best_table(capacity: int) -> int:
    """The fastest hashpower: the smallest table that holds the cache (found by trying 14 .. 24)."""
    return max((capacity - 1).bit_length() + 1, 12)


def write_oracle_general(trace: Trace, file: Path) -> None:
    """The trace in libCacheSim's binary format, with the next uses that its Belady reads."""
    records = np.zeros(trace.n_accesses, _RECORD)
    # Spread ids, as keys are in the wild; dense ones would flatter every hash table, ours at ingest included.
    records["id"] = (trace.pages.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(1)
    records["size"] = 1
    next_use = future_of(trace).next_use
    records["next"] = np.where(next_use == trace.n_accesses, -1, next_use)
    records.tofile(file)


def miss_ratio(file: Path, policy: str, capacity: int, hashpower: int) -> float:
    """Open the file and replay it: libcachesim reads while it replays."""
    import libcachesim

    reader = libcachesim.TraceReader(
        str(file),
        libcachesim.TraceType.ORACLE_GENERAL_TRACE,
        libcachesim.ReaderInitParam(ignore_obj_size=True),
    )
    cache = getattr(libcachesim, NAMES[policy])(capacity, hashpower=hashpower)
    return cache.process_trace(reader)[0]
