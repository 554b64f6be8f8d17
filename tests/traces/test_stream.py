"""Streams: the same requests however they are read, nothing kept, and refused where all of them are needed."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvreplay.simulator.bench.memory import measured
from kvreplay.simulator.replay import CapacityError, bounds, lru_curve, replay
from kvreplay.traces import TraceError, store
from kvreplay.traces.stream import Stream
from kvreplay.traces.trace import Trace
from kvreplay.traces.workloads import generate

_MIB = 2**20
BLOCK = 1 << 18


@dataclass(frozen=True)
class Counting:
    """Access i asks for page i % 7."""

    def read(self, start: int, stop: int) -> np.ndarray:
        return (np.arange(start, stop, dtype=np.uint64) % 7).astype(np.uint32)


@given(st.integers(0, 1200), st.integers(0, 1200))
def test_reading_ends_with_the_stream(start, count):
    found = Stream("s", 1000, 7, Counting(), {}).read(start, start + count)
    assert np.array_equal(found, np.arange(start, max(min(start + count, 1000), start)) % 7)
    assert (found.dtype, found.flags.writeable) == (np.uint32, False)


@pytest.mark.parametrize("policy", ["lru", "s3-fifo"])
def test_a_stream_replays_as_the_same_requests_kept(policy):
    stream = generate("zipf_stream", requests=2 * BLOCK + 99, keys=500, seed=3)
    kept = Trace("kept", stream.read(0, stream.n_requests), 500)
    names = ("pages", "hits", "evictions", "series_hits", "capacity_share", "peak_pages")
    expected = replay(kept, policy, 50, windows=7, warmup=0.1).row
    found = replay(stream, policy, 50, windows=7, warmup=0.1).row
    assert [found[name] for name in names] == [expected[name] for name in names]


def test_popularity_is_zipf_s():
    stream = generate("zipf_stream", requests=4 * BLOCK, keys=1000, skew=0.8)
    share = np.bincount(stream.read(0, 4 * BLOCK), minlength=1000) / (4 * BLOCK)
    expected = np.arange(1, 1001) ** -0.8
    expected /= expected.sum()
    assert np.abs(share - expected).max() < 6 * np.sqrt(expected[0] / (4 * BLOCK))


def test_a_stream_is_known_by_what_makes_it():
    stream = generate("zipf_stream", requests=1000, keys=10)
    assert pickle.loads(pickle.dumps(stream)).content_hash == stream.content_hash
    assert np.array_equal(pickle.loads(pickle.dumps(stream)).read(0, 9), stream.read(0, 9))
    others = [{"requests": 1001}, {"keys": 11}, {"skew": 0.9}, {"seed": 1}]
    hashes = {generate("zipf_stream", **{"requests": 1000, "keys": 10} | other).content_hash for other in others}
    assert len(hashes | {stream.content_hash}) == 5


def test_what_needs_all_requests_at_hand_is_refused(tmp_path):
    stream = generate("zipf_stream", requests=1000, keys=10)
    message = "zipf_stream:requests=1000:keys=10 is generated as it is replayed"
    with pytest.raises(TraceError, match=f"{message}, and policy belady looks at all of it"):
        replay(stream, "belady", 5)
    for whole in (lru_curve, lambda trace: bounds(trace, 5), lambda trace: store.save(trace, tmp_path / "x.kvtrace")):
        with pytest.raises(TraceError, match=message):
            whole(stream)
    with pytest.raises(TraceError, match="do not form prefixes"):
        replay(stream, "lru", 5, reading="prefix")
    with pytest.raises(CapacityError, match="which has 10 pages"):
        replay(stream, "lru", 11)


def memory(requests: int) -> int:
    """Bytes that a replay of so many generated requests takes."""
    stream = generate("zipf_stream", requests=requests, keys=100_000)
    _, used = measured(lambda: replay(stream, "lru", 10_000).row["hits"])
    return used.own


def test_memory_does_not_depend_on_the_length():
    replay(generate("zipf_stream", requests=1000, keys=10), "lru", 5)  # compiles
    short, long = memory(5_000_000), memory(15_000_000)
    assert abs(long - short) < 8 * _MIB  # kept, the requests between the two would take 38 MiB


@pytest.mark.slow
def test_a_billion_requests_pass_through_little_memory():
    stream = generate("zipf_stream", requests=1_000_000_000, keys=1_000_000)
    hits, used = measured(lambda: replay(stream, "lru", 100_000).row["hits"])
    assert used.own < 100 * _MIB  # kept, they would take 3,815 MiB
    # Che, Tung and Wang, "Hierarchical Web caching systems" (2002), eq. 3: a key is found if it was asked for within
    # the time in which the cache fills with others.
    share = 1 / np.arange(1, 1_000_001)
    share /= share.sum()
    low, high = 1.0, 1e9
    for _ in range(100):
        time = (low + high) / 2
        low, high = (low, time) if -np.expm1(-share * time).sum() > 100_000 else (time, high)
    assert hits / 1e9 == pytest.approx(float(share @ -np.expm1(-share * low)), abs=3e-4)


def test_a_mapped_trace_passes_through_little_memory(tmp_path):
    requests = 12_000_000
    stream = generate("zipf_stream", requests=requests, keys=1000)
    arrival = np.arange(requests, dtype=np.float64)
    store.save(Trace("t", stream.read(0, requests), 1000, arrival=arrival), tmp_path / "t.kvtrace")
    expected = replay(stream, "lru", 50).row["hits"]
    hits, used = measured(lambda: replay(store.open_trace(tmp_path / "t.kvtrace"), "lru", 50).row["hits"])
    assert hits == expected
    assert used.own + used.mapped < 40 * _MIB  # the file is 137 MiB


@pytest.mark.parametrize("at", [BLOCK - 1, BLOCK, BLOCK + 1])
def test_times_that_go_back_are_found_wherever_columns_are_cut(at):
    arrival = np.arange(2 * BLOCK, dtype=np.float64)
    arrival[at] = 0
    with pytest.raises(TraceError, match="arrival times go backwards"):
        Trace("t", np.zeros(2 * BLOCK, np.uint32), 1, arrival=arrival)
