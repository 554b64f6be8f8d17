"""Metrics of what is at work now, in a file that is kept up to date: Prometheus reads it by node exporter's textfile
collector, and everybody else with `cat`."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from kvreplay.files import write_whole

from .metrics import Metric, exposition

Collect = Callable[[], Iterable[Metric]]

_watched: list[Collect] = []


@contextlib.contextmanager
def watched(collect: Collect) -> Iterator[None]:
    """What `collect` gives is in every file that is `written` meanwhile in this process."""
    _watched.append(collect)
    try:
        yield
    finally:
        _watched.remove(collect)


@contextlib.contextmanager
def written(path: Path, collect: Collect, every: float = 1.0) -> Iterator[None]:
    """Write what `collect` gives, and what is watched, to `path`, whole: now, every so many seconds, and at the end.

    Raises OSError where the file cannot be written now; later that is no reason to stop what is measured.
    """
    done = threading.Event()

    def write() -> None:
        write_whole(path, exposition(metric for source in (collect, *_watched) for metric in source()))

    def keep_writing() -> None:
        while not done.wait(every):
            with contextlib.suppress(OSError):
                write()

    write()
    thread = threading.Thread(target=keep_writing, name="kvreplay-metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        with contextlib.suppress(OSError):
            write()
