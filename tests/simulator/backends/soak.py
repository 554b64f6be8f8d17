"""A life of a page pool and tiers under load and faults, in a process that may be killed at any moment.

Sequences create, fork, write, merge and release pages; pages go into tiers under keys and come back. Everything that is
read is held against what it must be. Faults: too few pages, copies that run out of memory, disks that are full or
write a part, bytes that flip on disk.
"""

from __future__ import annotations

import errno
import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from kvreplay.simulator.backends import PageLayout, TieredStore, TorchPagePool
from kvreplay.simulator.backends.tiers import MemoryTier, SlabTier

LAYOUT = PageLayout(layers=1, page_tokens=4, kv_heads=1, head_dim=8)
PAGES, HOST, DISK, KEYS = 300, 32, 128, 400
FAULTS = 0.01  # of copies, and of writes to the disk
WORDS = np.arange(LAYOUT.elements, dtype=np.uint16)
MOST = 24  # pages of a new sequence
EVERY = 100  # calls from one look at everything to the next


class Life:
    """Works until `operations` pages were operated on, and calls `tell` with the counts now and then."""

    def __init__(self, slab: Path, seed: int) -> None:
        self.random, self.numbers = random.Random(seed), np.random.default_rng(seed)
        self.counts: Counter[str] = Counter()
        self.pool = TorchPagePool(LAYOUT, PAGES)
        self.rows = self.pool.data.view(torch.int16).numpy().view(np.uint16).reshape(PAGES, -1)  # the same memory
        self.sequences: list[tuple[np.ndarray, np.ndarray]] = []  # ids, and values that tell what is in the pages
        self.slab = slab
        disk = SlabTier("disk", LAYOUT, DISK, slab)
        self.counts["found again"] = len(disk)
        self.store = TieredStore([MemoryTier("host", LAYOUT, HOST), disk])
        self.raw = os.open(slab, os.O_RDWR)

    def run(self, operations: int, tell: Callable[[Counter[str]], None]) -> None:
        with pytest.MonkeyPatch.context() as patch:
            copy_pages, pwritev = self.pool._content.copy_pages, os.pwritev

            def failing_copy(src: np.ndarray, dst: np.ndarray) -> None:
                if self.random.random() < FAULTS:
                    raise MemoryError
                copy_pages(src, dst)

            def failing_write(file: int, buffers: list, offset: int) -> int:
                if self.random.random() < FAULTS:
                    self.counts["failed disk write"] += 1
                    if self.random.random() < 0.5:
                        raise OSError(errno.ENOSPC, "no space")
                    return pwritev(file, [bytes(buffers[0])[:20]], offset)
                return pwritev(file, buffers, offset)

            patch.setattr(self.pool._content, "copy_pages", failing_copy)
            patch.setattr(os, "pwritev", failing_write)
            calls = 4 * [self.create, self.fork, self.write, self.write, self.merge] + [self.put_and_get]
            self.check_everything()
            while self.counts["operations"] < operations:
                for _ in range(EVERY):
                    self.random.choice(calls)()
                self.flip_a_byte()
                self.check_everything()
                tell(self.counts)
        self.store.close()

    def create(self) -> None:
        n = self.random.randint(1, MOST)
        ids = self.pool.create(n)
        if ids is None:
            self.counts["out of pages"] += 1
            self.release()
            return
        values = self.numbers.integers(0, KEYS, n)
        self.fill(ids, values)
        self.sequences.append((ids, values))
        self.counts["operations"] += n

    def fork(self) -> None:
        if self.sequences:
            ids, values = self.random.choice(self.sequences)
            self.pool.share(ids)
            self.sequences.append((ids.copy(), values.copy()))
            self.counts["operations"] += len(ids)

    def write(self) -> None:
        if not self.sequences:
            return
        ids, values = self.random.choice(self.sequences)
        chosen = np.flatnonzero(self.numbers.random(len(ids)) < 0.5)
        before = self.pool.stats()
        try:
            private = self.pool.write(ids[chosen])
        except MemoryError:
            self.counts["failed copy"] += 1
            assert self.pool.stats() == before
            return
        if private is None:
            self.counts["out of pages"] += 1
            self.release()
            return
        ids[chosen] = private
        values[chosen] = self.numbers.integers(0, KEYS, len(chosen))
        self.fill(private, values[chosen])
        self.counts["operations"] += len(chosen)

    def merge(self) -> None:
        if self.sequences:
            ids, values = self.random.choice(self.sequences)
            ids[:] = self.pool.merge(ids)
            first = {value: place for place, value in reversed(list(enumerate(values.tolist())))}
            assert ids.tolist() == [ids[first[value]] for value in values.tolist()]
            self.counts["operations"] += len(ids)

    def release(self) -> None:
        for _ in range(min(len(self.sequences), 4)):
            ids, values = self.sequences.pop(self.random.randrange(len(self.sequences)))
            assert (self.rows[self.pool.read(ids)] == content(values)).all()
            self.pool.release(ids)
            self.counts["operations"] += len(ids)

    def put_and_get(self) -> None:
        """Several pages, without waiting in between."""
        asked = []
        for value in self.random.choices(range(KEYS), k=self.random.randint(1, MOST)):
            page = torch.from_numpy(content(np.array(value)).view(np.int16)).view(LAYOUT.dtype).view(LAYOUT.shape)
            out = torch.empty_like(page)
            self.store.put(b"%d" % value, page)
            value = self.random.randrange(KEYS)
            asked.append((value, out, self.store.get(b"%d" % value, out)))
        for value, out, handle in asked:
            tier = handle.result()
            if tier is not None:
                assert (out.view(torch.int16).numpy().view(np.uint16).ravel() == content(np.array(value))).all()
            self.counts[f"found in {tier}"] += 1
        self.counts["operations"] += 2 * len(asked)

    def flip_a_byte(self) -> None:
        record = self.random.randrange(
            1, 1 + DISK
        )  # behind the file's own block, 4096 bytes each, the rest of them unused
        at = 4096 * record + self.random.randrange(LAYOUT.nbytes)
        (byte,) = os.pread(self.raw, 1, at)
        os.pwrite(self.raw, bytes([byte ^ 1 << self.random.randrange(8)]), at)
        self.counts["flipped byte"] += 1

    def fill(self, ids: np.ndarray, values: np.ndarray) -> None:
        self.rows[self.pool.read(ids)] = content(values)

    def check_everything(self) -> None:
        holders: Counter[int] = Counter()
        for ids, values in self.sequences:
            holders.update(ids.tolist())
            assert (self.rows[self.pool.read(ids)] == content(values)).all()
        stats = self.pool.stats()
        assert (stats.physical, stats.logical) == (len(holders), holders.total())
        assert stats.free == PAGES - stats.physical
        assert stats.refused == self.counts["out of pages"]
        assert self.pool.holders(np.array(list(holders), np.int32)).tolist() == list(holders.values())
        for tier in self.store.tiers:
            assert len(tier) <= tier.capacity
        disk = self.store.stats()["disk"]
        assert disk.failed == self.counts["failed disk write"]
        self.counts["damaged page"] = disk.damaged
        self.counts["checks"] += 1


def content(values: np.ndarray) -> np.ndarray:
    """(..., words) uint16, which tell a value from every other one."""
    return values.astype(np.uint16)[..., None] * np.uint16(31) + WORDS
