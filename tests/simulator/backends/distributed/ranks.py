"""Processes that are ranks of a gloo group, and do what the test says."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist

from kvreplay.simulator.backends import PageLayout
from kvreplay.simulator.backends.distributed import DirectoryError, DistributedPageDirectory

LAYOUT = PageLayout(layers=2, page_tokens=4, kv_heads=1, head_dim=8)
_fork = multiprocessing.get_context("fork")


def page(i: int) -> torch.Tensor:
    """The content of this name."""
    return torch.randn(LAYOUT.shape, generator=torch.Generator().manual_seed(i)).to(LAYOUT.dtype)


class Ranks:
    """`n` processes; each call is made in all of those that live, at the same time."""

    def __init__(self, n: int) -> None:
        self.pipes, self.processes = [], []
        for rank in range(n):  # before there are threads of a store here
            ours, theirs = _fork.Pipe()
            self.processes.append(_fork.Process(target=_serve, args=(theirs, rank, n), daemon=True))
            self.processes[-1].start()
            theirs.close()
            self.pipes.append(ours)
        self.living = list(range(n))
        self.store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        for pipe in self.pipes:
            pipe.send(self.store.port)

    def directory(self, capacity: int, timeout: float) -> None:
        """A new one, in the place of the last."""
        self.call(_make, dict.fromkeys(self.living, (capacity, timeout)))

    def step(self, asked: dict[int, list[Any]]) -> dict[int, list[Any]]:
        """What the operations come to; pages are told by float32 arrays."""
        return self.call(_step, {rank: (asked.get(rank, []),) for rank in self.living})

    def call(self, work: Callable[..., Any], arguments: dict[int, tuple]) -> dict[int, Any]:
        for rank, given in arguments.items():
            self.pipes[rank].send((work, given))
        answers = {rank: self.pipes[rank].recv() for rank in arguments}
        for answer in answers.values():
            if isinstance(answer, DirectoryError):
                raise answer
        return answers

    def kill(self, rank: int) -> None:
        os.kill(self.processes[rank].pid, signal.SIGKILL)
        self.processes[rank].join()
        self.living.remove(rank)

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.join()


def _serve(pipe: Any, rank: int, n: int) -> None:
    torch.set_num_threads(1)
    store = dist.TCPStore("127.0.0.1", pipe.recv(), is_master=False)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=n)
    held: dict[str, DistributedPageDirectory] = {}
    while True:
        work, given = pipe.recv()
        try:
            pipe.send(work(held, *given))
        except DirectoryError as error:
            pipe.send(error)


def _make(held: dict, capacity: int, timeout: float) -> None:
    held["directory"] = DistributedPageDirectory(LAYOUT, capacity, timeout=timeout)


def _step(held: dict, operations: list) -> list:
    operations = [o._replace(page=page(o.page)) if isinstance(getattr(o, "page", None), int) else o for o in operations]
    answers = held["directory"].step(operations)
    return [answer.float().numpy() if isinstance(answer, torch.Tensor) else answer for answer in answers]
