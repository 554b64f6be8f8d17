"""The exposition as Prometheus' own parser reads it, and the figures as they were counted by hand."""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from kvreplay.simulator.backends import PageLayout, TieredStore, metrics_file
from kvreplay.simulator.backends.distributed import DistributedPageDirectory, LocalRanks, Put
from kvreplay.simulator.backends.metrics import Metric, exposition, of_directory, of_pool, of_prefix_cache, of_tiers
from kvreplay.simulator.backends.metrics_file import watched, written
from kvreplay.simulator.backends.tiers import MemoryTier, SlabTier
from kvreplay.simulator.caches.pages import PagePool, PrefixCache

LAYOUT = PageLayout(layers=2, page_tokens=16, kv_heads=2, head_dim=16)

text = st.text(st.characters(exclude_characters="\r"))  # the oracle's splitting of lines takes it for an end
metrics = st.builds(
    Metric,
    st.sampled_from(["a", "b", "c_total"]),
    st.just("gauge"),
    text,
    st.floats() | st.integers(-(2**53), 2**53),
    st.dictionaries(st.sampled_from(["x", "y"]), text),
)


def parsed(page: str) -> dict[tuple[str, frozenset], float]:
    families = list(text_string_to_metric_families(page))
    assert len({family.name for family in families}) == len(families)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


@given(st.lists(metrics, max_size=8, unique_by=lambda metric: (metric.name, frozenset(metric.labels.items()))))
def test_what_is_rendered_is_what_prometheus_reads(given):
    read = parsed(exposition(given))
    assert len(read) == len(given)
    for metric in given:
        value = read[metric.name, frozenset(metric.labels.items())]
        assert value == metric.value or (math.isnan(value) and math.isnan(metric.value))


def test_the_text_is_the_format():
    few = [
        Metric("hits_total", "counter", "Hits \\ of\nall", 3, {"tier": 'a "b"', "cache": "\\"}),
        Metric("load", "gauge", "Load", float("inf"), {}),
        Metric("hits_total", "counter", "Hits", 4, {"tier": "c\n"}),
    ]
    assert exposition(few) == (
        "# HELP hits_total Hits \\\\ of\\nall\n# TYPE hits_total counter\n"
        'hits_total{cache="\\\\",tier="a \\"b\\""} 3\nhits_total{tier="c\\n"} 4\n'
        "# HELP load Load\n# TYPE load gauge\nload +Inf\n"
    )
    for other in (few[0], few[0]._replace(labels={}, kind="gauge")):
        with pytest.raises(ValueError, match="is there already"):
            exposition([few[0], other])


def test_a_file_follows_what_is_at_work(tmp_path):
    file, pool, other = tmp_path / "folder" / "run.prom", PagePool(2), PagePool(5)

    def read(name: str) -> list[float]:
        return [value for (sample, _), value in parsed(file.read_text()).items() if sample == f"kvreplay_{name}"]

    def wait_for(name: str, values: list[float]) -> None:
        stop = time.monotonic() + 20
        while read(name) != values:
            assert time.monotonic() < stop, f"{read(name)} is not {values}"
            time.sleep(0.001)

    with written(file, lambda: of_pool(pool, device="0"), every=0.001):
        assert read("pool_shared_pages") == [0]  # it is there at once
        pool.share(pool.create(1))
        wait_for("pool_shared_pages", [1])
        with watched(lambda: of_pool(other, device="1")):
            other.create(3)
            wait_for("pool_held_pages", [2, 3])
        wait_for("pool_held_pages", [2])
        failed = threading.Event()

        def fail(*_):
            failed.set()
            raise OSError

        with pytest.MonkeyPatch.context() as patch:  # a full disk stops nobody
            patch.setattr(metrics_file, "write_whole", fail)
            assert failed.wait(20)
        pool.create(1)
    assert read("pool_held_pages") == [3]  # the last state is written
    with pytest.raises(OSError, match="is in the way"), written(file / "below", lambda: ()):
        pass


def test_pool_and_prefix_cache():
    pool = PagePool(5, page_bytes=10)
    cache = PrefixCache(4, page_tokens=1, pool=pool)
    prefix = cache.lookup(np.arange(3))
    ids = pool.create(3)
    cache.insert(prefix, ids)
    pool.write(ids[:1])  # a copy: the cache holds the other
    assert pool.create(2) is None
    cache.lookup(np.arange(2))
    read = parsed(exposition([*of_pool(pool, device="0"), *of_prefix_cache(cache)]))
    named = {(name, *(value for _, value in sorted(labels))): value for (name, labels), value in read.items()}
    assert {name: value for name, value in named.items() if "pool" in name[0]} == {
        ("kvreplay_pool_pages", "0", "free"): 1,
        ("kvreplay_pool_pages", "0", "used"): 4,
        ("kvreplay_pool_shared_pages", "0"): 3,
        ("kvreplay_pool_held_pages", "0"): 8,  # 3 by the cache, 3 by its maker, 2 by the one that looked it up
        ("kvreplay_pool_used_bytes", "0"): 40,
        ("kvreplay_pool_copied_pages_total", "0"): 1,
        ("kvreplay_pool_merged_pages_total", "0"): 0,
        ("kvreplay_pool_out_of_memory_total", "0"): 1,
    }
    assert {name[0].removeprefix("kvreplay_prefix_"): value for name, value in named.items() if len(name) == 1} == {
        "capacity_pages": 4,
        "cached_pages": 3,
        "pinned_pages": 3,
        "lookups_total": 2,
        "looked_up_pages_total": 5,
        "hit_pages_total": 2,
        "evicted_pages_total": 0,
    }


def test_tiers(tmp_path):
    store = TieredStore([MemoryTier("host", LAYOUT, 2), SlabTier("disk", LAYOUT, 3, tmp_path / "slab")])
    for i in range(4):
        store.put(b"%d" % i, torch.full(LAYOUT.shape, float(i), dtype=LAYOUT.dtype)).result()
    out = torch.empty(LAYOUT.shape, dtype=LAYOUT.dtype)
    assert [store.get(b"%d" % i, out).result() for i in (3, 0, 9)] == ["host", "disk", None]
    read = parsed(exposition(of_tiers(store, node="n")))
    assert all(dict(labels)["node"] == "n" for _, labels in read)
    found = defaultdict(dict)
    for (name, labels), value in read.items():
        found[name.removeprefix("kvreplay_tier_")][dict(labels)["tier"]] = value
    assert found["capacity_pages"] == {"host": 2, "disk": 3}
    assert found["held_pages"] == {"host": 2, "disk": 3}
    assert found["hit_pages_total"] == {"host": 1, "disk": 1}
    assert found["missed_pages_total"] == {"host": 2, "disk": 1}
    assert found["stored_pages_total"] == {"host": 5, "disk": 3}  # page 0 came back, and let 2 leave
    assert found["evicted_pages_total"] == {"host": 3, "disk": 0}
    assert found["failed_pages_total"] == found["damaged_pages_total"] == {"host": 0, "disk": 0}
    # Of the host tier 5 pages in; out again the 3 that left and the hit. A record on disk has a header of 49 bytes.
    header = 4 + 1 + 32 + 8 + 4
    assert found["written_bytes_total"] == {"host": 5 * LAYOUT.nbytes, "disk": 3 * (header + LAYOUT.nbytes)}
    assert found["read_bytes_total"] == {"host": 4 * LAYOUT.nbytes, "disk": header + LAYOUT.nbytes}
    store.close()


def serve_one_page() -> str:
    directory = DistributedPageDirectory(LAYOUT, 1)
    directory.step([Put(key, torch.zeros(LAYOUT.shape, dtype=LAYOUT.dtype)) for key in (b"a", b"b")])
    return exposition(of_directory(directory))


def test_directory():
    with LocalRanks(1) as ranks:
        read = parsed(ranks.call(serve_one_page, {0: ()})[0])
    assert {labels for _, labels in read} == {frozenset({("rank", "0")})}
    assert {name.removeprefix("kvreplay_directory_"): value for (name, _), value in read.items()} == {
        "alive_ranks": 1,
        "owned_pages": 1,
        "free_pages": 0,
        "shared_pages": 0,
        "out_of_memory_total": 1,
        "lost_pages_total": 0,
        "received_bytes_total": 0,
        "sent_bytes_total": 0,
    }
