"""Cells spread over processes, each within a time limit: a thread in compiled code cannot be stopped, a process can."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

from kvreplay.simulator.replay import Result
from kvreplay.simulator.replay.threads import default_threads, in_threads

from .attempt import Failure, Overtime, attempt_within
from .plan import Cell

# Forked processes share the traces with this one.
_fork = multiprocessing.get_context("fork")


def in_processes(
    cells: Sequence[Cell], processes: int | None, timeout: float | None
) -> Iterator[tuple[int, Result | Failure | BaseException]]:
    """`attempt` on every cell: its number and what it came to, as they finish.

    A cell that takes longer than `timeout` seconds, or kills its process (by a wrong index, say), fails; the next one
    gets a new process. Closing the iterator ends all of them.
    """
    idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
    started: list[_Process] = []

    def work(number: int) -> Result | Failure:
        try:
            process = idle.get_nowait()
        except queue.Empty:
            process = _Process(cells, timeout)
            started.append(process)
        outcome = process.replay(number)
        if process.is_good:
            idle.put(process)
        return outcome

    try:
        yield from in_threads(work, range(len(cells)), processes or default_threads())
    finally:
        for process in started:
            process.kill()


class _Process:
    """A process that replays one cell after the other, until one of them spoils it."""

    def __init__(self, cells: Sequence[Cell], timeout: float | None) -> None:
        self._connection, theirs = _fork.Pipe()
        self._process = _fork.Process(target=_serve, args=(theirs, cells, timeout), daemon=True)
        self._process.start()
        theirs.close()
        self.is_good = True

    def replay(self, number: int) -> Result | Failure:
        try:
            self._connection.send(number)
            outcome = self._connection.recv()
            self.is_good = not isinstance(outcome, Overtime)
        except (EOFError, OSError):
            self._process.join()
            outcome = Failure(f"ChildProcessError: its process died, exit code {self._process.exitcode}", "")
            self.is_good = False
        if not self.is_good:
            self.kill()
        return outcome

    def kill(self) -> None:
        self._process.kill()
        self._connection.close()


def _serve(connection: Connection, cells: Sequence[Cell], timeout: float | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who waits for us, and will end us
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    # What a fork inherits would outlive a killed parent: the lock on the result folder, and the ends of others' pipes.
    kept = connection.fileno()
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
    with contextlib.suppress(EOFError, OSError):  # there is nobody left who waits for us
        while True:
            connection.send(attempt_within(cells[connection.recv()], timeout))
