"""How much memory a piece of work really takes: the growth of the resident set of a process forked for it (Linux)."""

from __future__ import annotations

import ctypes
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, TypeVar

Outcome = TypeVar("Outcome")

_fork = multiprocessing.get_context("fork")


class Used(NamedTuple):
    """Bytes by which the resident set grew at most."""

    own: int  # anonymous: what must fit
    mapped: int  # of files, which the system takes back where memory is short


def measured(work: Callable[[], Outcome]) -> tuple[Outcome, Used]:
    """What `work`, whose outcome pickles, comes to, and the memory that it took at most while and after it ran."""
    ours, theirs = _fork.Pipe()
    process = _fork.Process(target=_run, args=(theirs, work))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        raise RuntimeError("the measured process died") from None
    finally:
        process.join()


def _run(connection: Connection, work: Callable[[], Outcome]) -> None:
    # Memory that our parent had freed would be used again, and not be seen.
    ctypes.CDLL(None).malloc_trim(0)
    before = _resident()
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    outcome = work()
    after = _resident()
    mapped = after["RssFile"] - before["RssFile"]
    connection.send((outcome, Used(after["VmHWM"] - before["VmRSS"] - mapped, mapped)))


def _resident() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text().splitlines()
    pairs = (line.split(":") for line in lines if line.startswith(("VmRSS", "VmHWM", "RssFile")))
    return {name: int(value.split()[0]) * 1024 for name, value in pairs}
