"""Work spread over threads that neither Ctrl-C nor a failing item has to wait for."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

_POLL = 0.2  # seconds: a blocking wait without end would not notice Ctrl-C where a library restarts system calls


def default_threads() -> int:
    """One thread per core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_threads(
    work: Callable[[Item], Outcome], items: Sequence[Item], threads: int | None = None
) -> Iterator[tuple[int, Outcome | BaseException]]:
    """`work` on every item: its number and its result, or what it raised, as they finish.

    The threads (default: one per core) are daemons: closing the iterator starts no further item and waits for none.
    """
    todo: queue.SimpleQueue[int] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Outcome | BaseException]] = queue.SimpleQueue()
    stop = threading.Event()
    for number in range(len(items)):
        todo.put(number)

    def worker() -> None:
        while not stop.is_set():
            try:
                number = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((number, work(items[number])))
            except BaseException as error:  # SystemExit too: a worker that dies silently is waited for for ever
                done.put((number, error))

    for _ in range(min(threads or default_threads(), len(items))):
        threading.Thread(target=worker, daemon=True).start()
    try:
        for _ in items:
            while True:
                try:
                    yield done.get(timeout=_POLL)
                    break
                except queue.Empty:
                    pass
    finally:
        stop.set()
