"""The directory among processes: what each reads, who survives whom."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
import torch

from kvreplay.simulator.backends.distributed import (
    DirectoryError,
    DirectoryStats,
    DistributedPageDirectory,
    Get,
    Migrate,
    Put,
    Read,
    Release,
    Write,
)
from tests.oracles.shared_pages import Twin
from tests.simulator.backends.distributed.ranks import LAYOUT, Ranks, die_in_step, fill, page, speak

CAPACITY = 4


@pytest.fixture(scope="module")
def ranks():
    with Ranks(3) as ranks:
        yield ranks


def content(i: int) -> np.ndarray:
    return page(i).float().numpy()


def test_a_write_to_a_shared_page_leaves_the_others_what_they_read(ranks):
    ranks.directory(CAPACITY, timeout=30)
    ((id,), *_) = ranks.step({0: [Put(b"a", 1)]}).values()
    assert ranks.step({1: [Get(b"a")], 2: [Get(b"a"), Get(b"b")]}) == {0: [], 1: [id], 2: [id, None]}
    own = ranks.step({1: [Write(id)]})[1][0]
    assert own != id
    ranks.call(fill, {1: (own, 2)})
    read = ranks.step({0: [Read(id)], 1: [Read(own)], 2: [Read(id)]})
    assert np.array_equal(read[0][0], content(1))
    assert np.array_equal(read[1][0], content(2))
    assert np.array_equal(read[2][0], content(1))
    figures = ranks.of_directory(0, "stats")
    assert (figures.owned, figures.shared) == ({0: 1, 1: 1, 2: 0}, 1)
    # The others let go: who is left alone writes in place, wherever the page was.
    ranks.step({0: [Release(id)]})
    assert ranks.step({2: [Write(id)]})[2] == [id]
    assert ranks.of_directory(0, "stats").owned == {0: 0, 1: 1, 2: 1}
    ranks.call(fill, {2: (id, 3)})
    assert np.array_equal(ranks.step({2: [Read(id)], 0: [Get(b"a")]})[2][0], content(3))
    assert ranks.step({0: [Get(b"a")]})[0] == [None]  # what was written is not what the key says


def test_migration_takes_the_page_along(ranks):
    ranks.directory(1, timeout=30)
    ((id,), *_) = ranks.step({0: [Put(b"a", 1)], 2: [Put(b"b", 2)]}).values()
    assert ranks.step({1: [Get(b"a")]})[1] == [id]
    assert [ranks.of_directory(rank, "found") for rank in range(3)] == [[b"a"], [], []]  # its owner hears of it
    assert ranks.step({1: [Migrate(id, 2), Migrate(id, 1)]})[1] == [False, True]  # rank 2 has no room
    read = ranks.step({rank: [Read(id)] for rank in (0, 1)})
    assert all(np.array_equal(read[rank][0], content(1)) for rank in (0, 1))
    assert ranks.of_directory(2, "stats").owned == {0: 0, 1: 1, 2: 1}
    assert ranks.step({0: [Put(b"c", 3)]})[0] != [None]  # there is room again
    assert ranks.step({0: [Put(b"d", 3), Put(b"b", 4)]})[0] == [None, 2]
    # Room was missing for a move to rank 2 and a page of rank 0; a page came from rank 0, which has read it since.
    assert ranks.of_directory(1, "stats") == DirectoryStats(
        owned={0: 1, 1: 1, 2: 1},
        free={0: 0, 1: 0, 2: 0},
        shared=2,
        refused=2,
        lost=0,
        bytes_received=LAYOUT.nbytes,
        bytes_sent=LAYOUT.nbytes,
    )


def test_random_steps_come_to_what_one_list_says(ranks):
    ranks.directory(CAPACITY, timeout=30)
    twin, chooses, values = Twin([CAPACITY] * 3), random.Random(0), iter(range(10**6))
    for _ in range(60):
        asked = {}
        for rank in range(3):
            held, operations = Counter(twin.held(rank)), []
            for _ in range(chooses.randrange(5)):
                kind = chooses.choice([Put, Get] + [Read, Read, Write, Migrate, Release] * bool(held))
                if kind in (Put, Get):
                    key = b"key %d" % chooses.randrange(6)
                    operations.append(Put(key, next(values)) if kind is Put else Get(key))
                    continue
                id = chooses.choice(sorted(held))
                operations.append(kind(id, *([chooses.randrange(3)] if kind is Migrate else [])))
                if kind in (Write, Release):
                    held -= Counter([id])
            asked[rank] = operations
        answers, expected = ranks.step(asked), twin.step(asked)
        for rank, operations in asked.items():
            for operation, answer, right in zip(operations, answers[rank], expected[rank], strict=True):
                assert np.array_equal(answer, content(right)) if isinstance(operation, Read) else answer == right
                written = isinstance(operation, Write) and right is not None and twin.pages[right]["owner"] == rank
                if written and twin.held(rank).count(right):
                    twin.pages[right]["content"] = next(values)
                    ranks.call(fill, {rank: (right, twin.pages[right]["content"])})
    figures = [ranks.of_directory(rank, "stats") for rank in range(3)]
    assert len({str(told._replace(bytes_received=0, bytes_sent=0)) for told in figures}) == 1
    assert sum(told.bytes_received for told in figures) == sum(told.bytes_sent for told in figures) > 0


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (Read(7), "Read: rank 0 does not hold page 7"),
        (Get(b""), "Get: key b'' is none; give bytes"),
        (Put(b"a", torch.zeros(3)), r"Put: page is torch.float32 \(3,\); give torch.bfloat16"),
        (Put(b"a", None), "Put: page is none; give torch.bfloat16"),
    ],
)
def test_mistakes_are_told_before_anything_is_said(ranks, operation, message):
    ranks.directory(CAPACITY, timeout=30)
    with pytest.raises(DirectoryError, match=message):
        ranks.of_directory(0, "step", [operation])  # the others do not wait for it
    assert ranks.step({0: [Put(b"a", 1)]})[0] == [1]
    with pytest.raises(DirectoryError, match="Migrate: there is no rank 3; give one from 0 to 2"):
        ranks.of_directory(0, "step", [Migrate(1, 3)])
    with pytest.raises(DirectoryError, match="Read: rank 0 does not hold page 1, or gave it up before"):
        ranks.of_directory(0, "step", [Release(1), Read(1)])
    ranks.step({1: [Get(b"a")]})
    for rank, id, message in ((0, 2, "page 2: is not held by rank 0"), (1, 1, "page 1: is in the memory of rank 0")):
        with pytest.raises(DirectoryError, match=message):
            ranks.of_directory(rank, "page", id)


def test_a_killed_rank_takes_its_pages_along_and_no_others():
    with Ranks(4) as ranks:
        ranks.directory(CAPACITY, timeout=3)
        (a,), (b,), (c,), _ = ranks.step({0: [Put(b"a", 1)], 1: [Put(b"b", 2)], 2: [Put(b"c", 3)]}).values()
        ranks.step({0: [Get(b"b"), Get(b"c")], 1: [Get(b"a")], 2: [Get(b"a")]})
        ranks.kill(1)
        read = ranks.step({0: [Read(b), Read(c), Get(b"b")], 2: [Read(a), Migrate(a, 1)]})
        assert (read[0][0], read[0][2], read[2][1]) == (None, None, False)
        assert np.array_equal(read[0][1], content(3))
        assert np.array_equal(read[2][0], content(1))
        figures = ranks.of_directory(0, "stats")
        assert (figures.owned, figures.lost) == ({0: 1, 2: 1, 3: 0}, 1)
        assert ranks.of_directory(2, "alive") == [0, 2, 3]
        # Its reference is given up: with that of rank 2 gone, rank 0 is the only holder, and writes in place.
        ranks.step({2: [Release(a)], 0: [Release(b)]})
        assert ranks.step({0: [Write(a)], 3: [Put(b"b", 4)]})[0] == [a]
        # Who was only slow is told.
        os.kill(ranks.processes[3].pid, signal.SIGSTOP)
        ranks.living.remove(3)
        assert ranks.step({2: [Get(b"b")]}) == {0: [], 2: [None]}
        os.kill(ranks.processes[3].pid, signal.SIGCONT)
        with pytest.raises(DirectoryError, match="rank 3 was silent for 3 s, and is taken for dead"):
            ranks.of_directory(3, "step")
        # The last one goes on alone.
        ranks.kill(2)
        assert ranks.step({0: [Read(a), Read(c)]})[0][1] is None


def test_pages_on_their_way_from_a_rank_that_dies_are_lost():
    with Ranks(3) as ranks:
        ranks.directory(CAPACITY, timeout=3)
        (a, b), (c,), _ = ranks.step({0: [Put(b"a", 1), Put(b"b", 2)], 1: [Put(b"c", 3)]}).values()
        ranks.step({1: [Get(b"b")], 2: [Get(b"a"), Get(b"b"), Get(b"c")]})
        # It says that it moves a page to rank 2, where a copy of another one is to be made, and sends neither.
        ranks.call(die_in_step, {0: ([Migrate(a, 2)],)})
        ranks.living.remove(0)
        answers = ranks.step({2: [Read(a), Write(b), Read(c)]})[2]
        own = answers[1]
        assert (answers[0], own) == (None, c + 1)
        assert np.array_equal(answers[2], content(3))
        assert [ranks.of_directory(2, "page", id) for id in (a, own)] == [None, None]
        read = ranks.step({1: [Read(b), Get(b"a"), Get(b"c")], 2: [Read(a), Read(own)]})
        assert read == {1: [None, None, c], 2: [None, None]}
        ranks.step({2: [Release(a), Release(own)]})
        assert ranks.of_directory(2, "stats").free == {1: CAPACITY - 1, 2: CAPACITY}


def test_all_hear_the_same_of_one_that_comes_as_they_lose_patience(ranks):
    timeout = 0.3
    for attempt in range(12):
        delays = (0, 0.02, timeout + (attempt - 6) * 0.004)
        asked = {rank: (f"race {attempt}", rank, timeout, delay) for rank, delay in enumerate(delays)}
        heard = ranks.call(speak, asked)
        assert heard[0] == heard[1]
        assert heard[2] == (heard[0] if 2 in heard[0] else "taken for dead")
        assert [heard[0][rank] for rank in (0, 1)] == ["of 0", "of 1"]


def test_ranks_end_with_the_process_that_made_them():
    program = (
        "import os, signal\n"
        "from kvreplay.simulator.backends.distributed import LocalRanks\n"
        "ranks = LocalRanks(2)\n"
        "ranks.call(os.getpid, {0: (), 1: ()})\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    # They have its standard output, too, which is at its end when all are.
    run = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, timeout=120)
    assert run.returncode == -signal.SIGKILL


def test_without_a_group_it_says_so():
    with pytest.raises(DirectoryError, match="call init_process_group first"):
        DistributedPageDirectory(LAYOUT, 1)
