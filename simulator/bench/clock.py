"""Microseconds and peak bytes of calls on a CPU or a GPU."""

from __future__ import annotations

import contextlib
import ctypes
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch

_SECONDS = 0.1  # of every run in a round


def devices() -> list[str]:
    """The CPU, and the GPU where there is one."""
    return ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]


def in_turns(runs: Mapping[str, Callable[[], object]], rounds: int, device: str) -> dict[str, np.ndarray]:
    """Microseconds of every call of each run, taken in turns: `rounds` tenths of a second each, 3 calls at least.

    What makes the machine slow for a while so slows all of them. The first turn is not counted.
    """
    spent: dict[str, list[float]] = {name: [] for name in runs}
    calls = 3
    turn = -1
    while turn < calls:
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if device == "cuda":
                torch.cuda.synchronize()
            if turn >= 0:
                spent[name].append(time.perf_counter() - start)
        turn += 1
        if turn == 1:
            slowest = max(times[0] for times in spent.values())
            calls = max(3, min(1000, int(rounds * _SECONDS / slowest)))
    return {name: 1e6 * np.array(times) for name, times in spent.items()}


def peak_bytes(run: Callable[[], object], device: str) -> int | None:
    """The most memory that `run` takes beyond what was there before; None where the system does not tell.

    On a CPU by the high-water mark of the process (Linux), to about a page of the system's.
    """
    if device == "cuda":
        torch.cuda.synchronize()
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        run()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    try:
        with contextlib.suppress(AttributeError):  # not glibc
            ctypes.CDLL(None).malloc_trim(0)  # memory that the process kept for later would hide what is taken
        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS")
        run()
        return max(0, _status("VmHWM") - before)
    except OSError:
        return None


def _status(field: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024
