"""This machine as a `Device`: what its memory and arithmetic reach, measured."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import numpy as np
import torch

from kvreplay.simulator.serving.cost import Device

_COPIED = 1 << 28  # bytes: more than caches hold
_WIDTH = 1024  # of the matrices that are multiplied
_ROUNDS = 5

NAME = "this-machine"


def timer(device: torch.device) -> Callable[[], float]:
    """Seconds since some moment, by which `device` has done all that it was told.

    On a CPU with one thread, which is torch's to say, those that the thread has run: what other programs take is not
    counted, and on an idle machine all clocks agree.
    """
    if device.type == "cuda":

        def synchronized() -> float:
            torch.cuda.synchronize(device)
            return time.perf_counter()

        return synchronized
    return time.thread_time if torch.get_num_threads() == 1 else time.perf_counter


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """How long `work` takes."""
    now = timer(device)
    start = now()
    work()
    return now() - start


def measured_device(device: str | torch.device = "cpu") -> Device:
    """Rates of float32 products and of copies on `device`, by threads as torch is set, the best of a few rounds.

    Links to other devices are taken to be as fast as a copy: there are none. It costs nothing.
    """
    where = torch.device(device)
    source = torch.ones(_COPIED // 4, device=where)
    target = torch.empty_like(source)
    a, b, product = (torch.ones(_WIDTH, _WIDTH, device=where) for _ in range(3))
    copied = _COPIED / _best(lambda: target.copy_(source), where)
    return Device(
        NAME,
        flops=2 * _WIDTH**3 / _best(lambda: torch.mm(a, b, out=product), where),
        memory=float(memory(where)),
        bandwidth=2 * copied,  # each byte is read and written
        pcie=copied,
        peer=copied,
        network=copied,
        dollars_per_hour=0.0,
    )


def _best(work: Callable[[], object], device: torch.device) -> float:
    seconds(work, device)  # what is only done once
    return float(np.min([seconds(work, device) for _ in range(_ROUNDS)]))


def memory(device: torch.device) -> int:
    """Bytes of the memory of `device`, free or not."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
