"""Ranks on this machine: processes that form a gloo group, to try things out, measure and test."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

import torch
import torch.distributed as dist

_fork = multiprocessing.get_context("fork")


class LocalRanks:
    """`n` processes, each initialised as a rank of one gloo group; they end with the context.

    The group's store is in a process of its own, which outlives them: no death takes it along. The process that makes
    them holds none, whose threads would be missing in what it forks.
    """

    def __init__(self, n: int) -> None:
        (store, told), *ranks = [_start(_hold_store), *(_start(_serve, rank, n) for rank in range(n))]
        self.processes = [process for process, _ in ranks]
        self._store, self._pipes = store, [pipe for _, pipe in ranks]
        port = told.recv()
        for pipe in self._pipes:
            pipe.send(port)

    def __enter__(self) -> LocalRanks:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self.processes, self._store):
            process.kill()
            process.join()

    def call(self, work: Callable[..., Any], arguments: Mapping[int, tuple[Any, ...]]) -> dict[int, Any]:
        """What `work(*arguments[rank])` comes to in each of these ranks, which do it at the same time.

        Everything must pickle. Raises what `work` raises in the first of them, RuntimeError where one dies of it.
        """
        for rank, given in arguments.items():
            self._pipes[rank].send((work, given))
        answers = {}
        for rank in arguments:
            try:
                answers[rank] = self._pipes[rank].recv()
            except EOFError:
                answers[rank] = RuntimeError(f"rank {rank} died")
        for answer in answers.values():
            if isinstance(answer, Exception):
                raise answer
        return answers


def _start(work: Callable[..., None], *arguments: int) -> tuple[Any, Connection]:
    ours, theirs = _fork.Pipe()
    process = _fork.Process(target=_begin, args=(ours, theirs, work, *arguments), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _begin(parents: Connection, pipe: Connection, work: Callable[..., None], *arguments: int) -> None:
    parents.close()  # else the pipe would not end with the process that made this one
    work(pipe, *arguments)


def _hold_store(pipe: Connection) -> None:
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    pipe.send(store.port)
    _next(pipe)


def _serve(pipe: Connection, rank: int, n: int) -> None:
    torch.set_num_threads(1)
    store = dist.TCPStore("127.0.0.1", pipe.recv(), is_master=False)
    dist.init_process_group("gloo", store=store, rank=rank, world_size=n)
    while (asked := _next(pipe)) is not None:
        work, given = asked
        try:
            pipe.send(work(*given))
        except Exception as error:  # the caller's to handle
            pipe.send(error)


def _next(pipe: Connection) -> Any:
    """None where the process that made this one is no more."""
    with contextlib.suppress(EOFError):
        return pipe.recv()
    return None
