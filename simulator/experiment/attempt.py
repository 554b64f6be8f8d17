"""One cell replayed, and what is known where it fails or does not end."""

from __future__ import annotations

import faulthandler
import queue
import sys
import threading
import traceback
from typing import NamedTuple

from kvreplay.simulator.replay import Result

from .plan import Cell

_GRACE = 5.0  # seconds until a process dies whose cell does not even let other threads run


class Failure(NamedTuple):
    """A cell that raised, or took too long."""

    error: str
    traceback: str


class Overtime(Failure):
    """A cell that took too long. Its thread cannot be stopped and goes on: the process must end."""


def attempt(cell: Cell) -> Result | Failure:
    """What the cell comes to, whatever it raises."""
    try:
        return cell.replay()
    except BaseException as error:  # SystemExit too: who waits for the cell must hear of it
        return Failure(f"{type(error).__name__}: {error}", "".join(traceback.format_exception(error)))


def attempt_within(cell: Cell, seconds: float | None) -> Result | Failure:
    """`attempt`, or Overtime with the place where the cell was after `seconds` (None: any), compilation included."""
    if seconds is None:
        return attempt(cell)
    outcome: queue.SimpleQueue[Result | Failure] = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: outcome.put(attempt(cell)), daemon=True)
    faulthandler.dump_traceback_later(seconds + _GRACE, exit=True, file=sys.__stderr__ or 2)
    try:
        thread.start()
        return outcome.get(timeout=seconds)
    except queue.Empty:
        frame = sys._current_frames().get(thread.ident or 0)
        stack = traceback.format_stack(frame) if frame else []
        return Overtime(f"TimeoutError: took more than {seconds:g} s", "".join(stack))
    finally:
        faulthandler.cancel_dump_traceback_later()
