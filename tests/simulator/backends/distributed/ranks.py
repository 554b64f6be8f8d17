"""Ranks with a directory each, which do what the test says."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import torch
import torch.distributed as dist

from kvreplay.simulator.backends import PageLayout
from kvreplay.simulator.backends.distributed import DirectoryError, DistributedPageDirectory
from kvreplay.simulator.backends.distributed.local import LocalRanks
from kvreplay.simulator.backends.distributed.rounds import Rounds

LAYOUT = PageLayout(layers=2, page_tokens=4, kv_heads=1, head_dim=8)


def page(i: int) -> torch.Tensor:
    """The content of this name."""
    return torch.randn(LAYOUT.shape, generator=torch.Generator().manual_seed(i)).to(LAYOUT.dtype)


class Ranks(LocalRanks):
    def __init__(self, n: int) -> None:
        super().__init__(n)
        self.living = list(range(n))

    def directory(self, capacity: int, timeout: float) -> None:
        """A new one, in the place of the last."""
        self.call(_make, dict.fromkeys(self.living, (capacity, timeout)))

    def step(self, asked: dict[int, list[Any]]) -> dict[int, list[Any]]:
        """What the operations come to; pages are put by their names, and read as float32 arrays."""
        return self.call(_step, {rank: (asked.get(rank, []),) for rank in self.living})

    def of_directory(self, rank: int, what: str, *arguments: Any) -> Any:
        """An attribute of the directory of one rank, or what it returns."""
        return self.call(_look, {rank: (what, *arguments)})[rank]

    def kill(self, rank: int) -> None:
        os.kill(self.processes[rank].pid, signal.SIGKILL)
        self.processes[rank].join()
        self.living.remove(rank)


_held: dict[str, DistributedPageDirectory] = {}  # in each process


def _make(capacity: int, timeout: float) -> None:
    _held["directory"] = DistributedPageDirectory(LAYOUT, capacity, timeout=timeout)


def _step(operations: list) -> list:
    operations = [o._replace(page=page(o.page)) if isinstance(getattr(o, "page", None), int) else o for o in operations]
    answers = _held["directory"].step(operations)
    return [answer.float().numpy() if isinstance(answer, torch.Tensor) else answer for answer in answers]


def _look(what: str, *arguments: Any) -> Any:
    found = getattr(_held["directory"], what)
    return found(*arguments) if callable(found) else found


def fill(id: int, i: int) -> None:
    """Write to a page, in its rank."""
    there = _held["directory"].page(id)
    assert there is not None
    there.copy_(page(i))


def die_in_step(operations: list) -> None:
    """Step, and die when the others know of it; without waiting for that."""
    _held["directory"]._move = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    threading.Thread(target=_held["directory"].step, args=(operations,)).start()


def speak(name: str, rank: int, timeout: float, delay: float) -> dict[int, str] | str:
    """What this rank hears in a round of three that it enters after a while."""
    rounds = Rounds(dist.distributed_c10d._get_default_store(), name, rank, timeout)
    time.sleep(delay)
    try:
        return rounds.exchange(f"of {rank}", range(3))
    except DirectoryError:
        return "taken for dead"
