"""Pool and tiers for long, under faults and kills: nothing wrong is ever read, and memory stays flat."""

from __future__ import annotations

import multiprocessing
import random
import resource
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.simulator.backends.soak import Life

_fork = multiprocessing.get_context("fork")


@pytest.mark.parametrize(("operations", "kills"), [(40_000, 2), pytest.param(10_000_000, 40, marks=pytest.mark.slow)])
def test_nothing_wrong_is_read_and_memory_stays_flat(tmp_path, operations, kills):
    chooses = random.Random(0)
    total: Counter[str] = Counter()
    for number in range(kills):  # half of all operations, in lives that are ended
        counts, _ = live(tmp_path / "slab", number, operations, kill_at=chooses.randrange(1, operations // kills))
        total.update(counts)
    counts, memory = live(tmp_path / "slab", kills, operations - total["operations"], kill_at=None)
    total.update(counts)
    growth = (memory[-1] - memory[len(memory) // 10]) / 2**20
    print(f"\n{operations:,} page operations, {kills} kills; memory grew by {growth:.1f} MiB: {dict(total)}")
    assert total["operations"] >= operations
    for fault in ("out of pages", "failed copy", "failed disk write", "flipped byte", "damaged page", "found again"):
        assert total[fault] > 0, fault
    assert growth < 4


def live(slab: Path, seed: int, operations: int, kill_at: int | None) -> tuple[Counter[str], list[int]]:
    """What a life counted, and its memory now and then; killed after so many operations, or at its end."""
    ours, theirs = _fork.Pipe()
    process = _fork.Process(target=_live, args=(theirs, slab, seed, operations))
    process.start()
    theirs.close()
    counts, memory = Counter(), []
    try:
        while kill_at is None or counts["operations"] < kill_at:
            counts, now = ours.recv()
            memory.append(now)
        process.kill()
    except EOFError:
        pass
    process.join()
    assert process.exitcode == (0 if kill_at is None else -signal.SIGKILL)
    return counts, memory


def _live(pipe, slab, seed, operations):
    Life(slab, seed).run(operations, lambda counts: pipe.send((counts, resident())))


def resident() -> int:
    """Bytes of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
