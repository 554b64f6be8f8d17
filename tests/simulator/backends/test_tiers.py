"""Pages in tiers: where each is found, that it is what was put, and what is left of a slab after a crash."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import OrderedDict

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.simulator.backends import PageLayout
from kvreplay.simulator.backends.codecs import CodecError
from kvreplay.simulator.backends.tiers import MemoryTier, SlabTier, TieredStore, TierError

LAYOUT = PageLayout(layers=2, page_tokens=16, kv_heads=2, head_dim=16)  # 4 KiB


def key(i: int) -> bytes:
    return f"page {i}".encode()


def page(i: int, layout: PageLayout = LAYOUT) -> torch.Tensor:
    """The content that belongs to key(i)."""
    return torch.randn(layout.shape, generator=torch.Generator().manual_seed(i)).to(layout.dtype)


def three_tiers(folder, codec="none", capacities=(2, 3, 4)) -> TieredStore:
    device, host, disk = capacities
    return TieredStore(
        [
            MemoryTier("device", LAYOUT, device),
            MemoryTier("host", LAYOUT, host, codec=codec),
            SlabTier("disk", LAYOUT, disk, folder / "slab", codec=codec),
        ]
    )


def fetch(store: TieredStore, i: int) -> tuple[str | None, torch.Tensor]:
    out = torch.full(LAYOUT.shape, -1.0, dtype=LAYOUT.dtype)
    return store.get(key(i), out).result(), out


class Twin:
    """Three LRU lists: what leaves one enters the next, what is found below the first enters the first, too."""

    def __init__(self, capacities):
        self.lists = [(name, n, OrderedDict()) for name, n in zip(("device", "host", "disk"), capacities, strict=True)]

    def put(self, i, level=0):
        if level == len(self.lists):
            return
        _, capacity, held = self.lists[level]
        if i in held:
            held.move_to_end(i)
            return
        left = held.popitem(last=False)[0] if len(held) == capacity else None
        held[i] = None
        if left is not None:
            self.put(left, level + 1)

    def get(self, i):
        for level, (name, _, held) in enumerate(self.lists):
            if i in held:
                held.move_to_end(i)
                if level:
                    self.put(i)
                return name
        return None


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10)), min_size=30, max_size=80))
def test_every_page_is_found_where_lru_lists_have_it(tmp_path_factory, calls):
    store, twin = three_tiers(tmp_path_factory.mktemp("slab")), Twin((2, 3, 4))
    for is_put, i in calls:
        if is_put:
            store.put(key(i), page(i)).result()
            twin.put(i)
        else:
            tier, found = fetch(store, i)
            assert tier == twin.get(i)
            assert tier is None or torch.equal(found, page(i))
    store.close()


def test_calls_are_done_in_order_without_waiting(tmp_path):
    store = three_tiers(tmp_path)
    handles, outs = [], [torch.empty(LAYOUT.shape, dtype=LAYOUT.dtype) for _ in range(9)]
    for i, out in enumerate(outs):
        handles += [store.get(key(i), out), store.put(key(i), page(i)), store.get(key(i), out)]
    assert [handle.result() for handle in handles] == [None, None, "device"] * 9
    assert all(torch.equal(out, page(i)) for i, out in enumerate(outs))
    store.close()


@pytest.mark.parametrize("codec", ["int8", "zstd"])
def test_lower_tiers_hold_what_their_codec_makes_of_pages(tmp_path, codec):
    store = three_tiers(tmp_path, codec)
    for i in range(9):
        store.put(key(i), page(i)).result()
    for i in (8, 6, 3):
        tier, found = fetch(store, i)
        assert tier == {8: "device", 6: "host", 3: "disk"}[i]
        error = (found.float() - page(i).float()).norm() / page(i).float().norm()
        assert error == 0 if codec == "zstd" or tier == "device" else 0 < error < 0.01
    store.close()


def test_a_page_that_a_codec_refuses_is_told_at_once_or_lost_alone(tmp_path):
    spoilt = page(0)
    spoilt[0, 0, 0, 0, 0] = float("nan")
    store = TieredStore([MemoryTier("host", LAYOUT, 1, codec="int8")])
    with pytest.raises(CodecError, match="int8: page 0 holds nan"):
        store.put(key(0), spoilt).result()
    assert fetch(store, 0)[0] is None
    store.close()
    store = TieredStore([MemoryTier("device", LAYOUT, 1), MemoryTier("host", LAYOUT, 1, codec="int8")])
    store.put(key(0), spoilt).result()
    store.put(key(1), page(1)).result()
    assert store.stats()["host"].failed == 1
    assert [fetch(store, i)[0] for i in (0, 1)] == [None, "device"]
    store.close()


def test_a_slab_is_found_again(tmp_path):
    store = three_tiers(tmp_path)
    for i in range(9):
        store.put(key(i), page(i)).result()
    store.close()
    store = three_tiers(tmp_path)
    for i in range(4):
        tier, found = fetch(store, i)
        assert tier == "disk"
        assert torch.equal(found, page(i))
    assert fetch(store, 8)[0] is None  # was in memory
    with pytest.raises(TierError, match="is in use by another store"):
        SlabTier("disk", LAYOUT, 4, tmp_path / "slab")
    store.close()
    with pytest.raises(TierError, match="is no slab of"):
        SlabTier("disk", LAYOUT, 5, tmp_path / "slab")
    with pytest.raises(TierError, match="is no slab of"):
        SlabTier("disk", LAYOUT, 4, tmp_path / "slab", codec="int8")


def test_wrong_keys_pages_and_tiers_are_refused(tmp_path):
    store = three_tiers(tmp_path)
    for wrong in (b"", b"k" * 33, "text"):
        with pytest.raises(TierError, match="give 1 to 32 bytes"):
            store.put(wrong, page(0))
    with pytest.raises(TierError, match="tiered store: a page of"):
        store.get(key(0), page(0).float())
    store.close()
    with pytest.raises(TierError, match="at least one"):
        TieredStore([])
    with pytest.raises(TierError, match="cpu has no room for"):
        MemoryTier("host", PageLayout(64, 1024, 64, 128), 1 << 20)


def slab_with(path, pages) -> None:
    tier = SlabTier("disk", LAYOUT, 4, path)
    for i in pages:
        tier.put(key(i), page(i))
    tier.close()


def check_slab(path, keys) -> int:
    """Open the slab; how many of `keys` it serves, each with its own content."""
    tier = SlabTier("disk", LAYOUT, 4, path)
    out = torch.empty(LAYOUT.shape, dtype=LAYOUT.dtype)
    for i in keys:
        assert not tier.get(key(i), out) or torch.equal(out, page(i))
    tier.close()
    return tier.stats.hits


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 4200))
def test_a_record_that_was_cut_off_is_not_served_and_others_are(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("slab")
    slab_with(folder / "slab", range(4))
    before = (folder / "slab").read_bytes()
    slab_with(folder / "slab", [4])  # takes the place of page 0
    after = (folder / "slab").read_bytes()
    at = next(i for i in range(0, len(before), 4096) if before[i : i + 4096] != after[i : i + 4096])
    mixed = after[: at + cut] + before[at + cut :]
    (folder / "slab").write_bytes(mixed)
    assert check_slab(folder / "slab", [1, 2, 3]) == 3
    assert check_slab(folder / "slab", [0, 4]) == (mixed in (before, after))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4095 + 4 * 8192), st.integers(0, 255)), min_size=1, max_size=5))
def test_damage_anywhere_is_told_or_costs_pages_and_never_alters_one(tmp_path_factory, damage):
    path = tmp_path_factory.mktemp("slab") / "slab"
    slab_with(path, range(4))
    content = bytearray(path.read_bytes())
    for at, byte in damage:
        content[at] = byte
    path.write_bytes(content)
    try:
        assert check_slab(path, range(4)) >= 4 - len(damage)
    except TierError as error:
        assert "is no slab of" in str(error)  # noqa: PT017 (either outcome is right)


def test_kill_at_any_moment_leaves_a_consistent_subset(tmp_path):
    layout = PageLayout(layers=8, page_tokens=16, kv_heads=8, head_dim=128)  # 512 KiB: most of the time is writing
    pages = [page(i, layout) for i in range(9)]
    out = torch.empty_like(pages[0])
    chooses = random.Random(0)
    for attempt in range(15):
        ready, tell = os.pipe()
        child = os.fork()
        if child == 0:  # puts pages for ever; nothing of pytest may run in here
            try:
                tiers = [MemoryTier("host", layout, 1), SlabTier("disk", layout, 4, tmp_path / "slab")]
                store = TieredStore(tiers)
                for n in range(10**6):
                    i = n % len(pages)
                    store.put(key(i), pages[i]).result()
                    if n == len(pages):
                        os.write(tell, b"!")
            finally:
                os._exit(1)
        fills = attempt % 3 > 0  # the others may not even have made the file
        if fills:
            os.read(ready, 1)
        time.sleep(chooses.uniform(0, 0.04))
        os.kill(child, signal.SIGKILL)
        assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
        os.close(ready)
        os.close(tell)
        tier = SlabTier("disk", layout, 4, tmp_path / "slab")
        for i, right in enumerate(pages):
            assert not tier.get(key(i), out) or torch.equal(out, right)
        tier.close()
        if fills:  # all but the one that was being written
            assert tier.stats.hits >= 3
