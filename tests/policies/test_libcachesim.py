"""Miss counts equal those of libcachesim, a C implementation of the same definitions."""

from __future__ import annotations

import numpy as np
import pytest

from kvreplay.policies import get
from kvreplay.simulator.replay.cell import Cell
from kvreplay.simulator.replay.future import future_of
from kvreplay.traces.trace import Trace

libcachesim = pytest.importorskip("libcachesim", reason="libcachesim is not installed")

SAME = {
    "lru": "LRU",
    "fifo": "FIFO",
    "lfu": "LFU",
    "sieve": "Sieve",
    "s3-fifo": "S3FIFO",
    "belady": "Belady",
    "clock": "Clock",
    "slru": "SLRU",
    "2q": "TwoQ",
    "arc": "ARC",
    "lru-k-no-history": "LRUK",
}
RECORD = np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")])


def traces() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    zipf = rng.zipf(1.2, 60_000) % 5_000
    loop = np.tile(np.arange(700), 60)
    mixed = np.where(rng.random(50_000) < 0.6, rng.zipf(1.4, 50_000) % 900, 1_000 + np.arange(50_000) % 2_500)
    shifting = np.concatenate([rng.zipf(1.3, 15_000) % 1_500 + 400 * i for i in range(4)])
    return {"zipf": zipf, "loop": loop, "mixed": mixed, "shifting": shifting}


@pytest.fixture(scope="module", params=traces())
def trace(request) -> Trace:
    keys = traces()[request.param]
    _, first, ids = np.unique(keys, return_index=True, return_inverse=True)
    return Trace(request.param, np.argsort(np.argsort(first))[ids].astype(np.uint32), len(first))


def libcachesim_misses(trace: Trace, name: str, capacity: int, folder) -> int:
    records = np.zeros(trace.n_accesses, RECORD)
    records["id"] = trace.pages.astype(np.uint64) + 1
    records["size"] = 1 if trace.page_bytes is None else trace.page_bytes[trace.pages]
    next_use = future_of(trace).next_use
    records["next"] = np.where(next_use == trace.n_accesses, -1, next_use)
    file = folder / "trace.oracleGeneral.bin"
    records.tofile(file)
    reader = libcachesim.TraceReader(
        str(file),
        libcachesim.TraceType.ORACLE_GENERAL_TRACE,
        libcachesim.ReaderInitParam(ignore_obj_size=trace.page_bytes is None),
    )
    ratio, _ = getattr(libcachesim, name)(capacity, hashpower=14).process_trace(reader)
    return round(ratio * trace.n_accesses)


# From 20 pages on: below, libcachesim's S3-FIFO has a small queue of no more than a page and admits nothing; so do its
# SLRU and 2Q below 4 pages.
@pytest.mark.parametrize("capacity", [20, 101, 500, 1_500])
@pytest.mark.parametrize("policy", SAME)
def test_same_misses(policy, capacity, trace, tmp_path):
    if policy == "slru":
        capacity -= capacity % 4  # its lowest segment overflows by the remainder, and hits evict
    cell = Cell(trace, get(policy), capacity)
    misses = trace.n_accesses - sum(int(hit.sum()) for *_, hit in cell.chunks(1))
    assert misses == libcachesim_misses(trace, SAME[policy], capacity, tmp_path)


@pytest.mark.parametrize("policy", ["lru", "fifo", "lfu", "sieve", "belady", "clock", "arc", "lru-k-no-history"])
@pytest.mark.parametrize("capacity", [1, 2, 3, 7])
def test_same_misses_in_tiny_caches(policy, capacity, trace, tmp_path):
    cell = Cell(trace, get(policy), capacity)
    misses = trace.n_accesses - sum(int(hit.sum()) for *_, hit in cell.chunks(1))
    assert misses == libcachesim_misses(trace, SAME[policy], capacity, tmp_path)


@pytest.mark.parametrize("policy", ["lru", "fifo", "sieve", "clock", "lfu"])
@pytest.mark.parametrize("capacity", [700, 30_000, 200_000])
def test_same_misses_among_objects_of_different_sizes(policy, capacity, trace, tmp_path):
    # At the smallest capacity some objects are larger than the cache.
    sizes = np.random.default_rng(5).integers(1, 1_000, trace.n_pages)
    sized = Trace(trace.name, trace.pages, trace.n_pages, page_bytes=sizes)
    cell = Cell(sized, get(policy), capacity, sized=True)
    misses = trace.n_accesses - sum(int(hit.sum()) for *_, hit in cell.chunks(1))
    assert misses == libcachesim_misses(sized, SAME[policy], capacity, tmp_path)
