"""What keeps the time of a cell: nothing, in a replay, or a clock, in a server: an entry of CLOCKS each."""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

import kvreplay.simulator.backends
import kvreplay.simulator.backends.model
import kvreplay.simulator.caches.pages
import kvreplay.simulator.caches.sizing
import kvreplay.simulator.measured
import kvreplay.simulator.replay
import kvreplay.simulator.serving
from kvreplay.policies import Policy, PolicyError
from kvreplay.simulator.caches.sizing import Sizing, SizingError
from kvreplay.simulator.measured.settings import measured_settings, prepare_measurement
from kvreplay.simulator.replay import Result, replay
from kvreplay.simulator.replay.capacity import Capacity, Size
from kvreplay.simulator.replay.engine import fit
from kvreplay.simulator.serving.simulation import Setup, Simulation, prepare, server_settings, simulate
from kvreplay.traces.trace import Trace

if TYPE_CHECKING:
    from .plan import Cell

UNTIMED = "untimed"


class Clock(NamedTuple):
    """How cells of one clock are checked and run."""

    settings: Callable[..., None] | None  # whose keyword-only arguments a `serving` block may set; None: it has no use
    fit: Callable[..., Size]  # of a Cell's fields: what its capacity comes to; ValueError where they do not go together
    run: Callable[[Cell], Result]
    code: tuple[ModuleType, ...]  # packages that rows depend on
    alone: bool = False  # whether another cell beside it would spoil what it measures

    def defaults(self) -> dict[str, Any]:
        """Every setting, where a `serving` block says nothing."""
        return {} if self.settings is None else dict(self.settings.__kwdefaults__ or {})

    def version(self) -> str:
        """A hash of the code that counts: a row made by other code is not the same cell."""
        return _version(tuple(package.__path__[0] for package in self.code))


@functools.cache
def _version(folders: tuple[str, ...]) -> str:
    files = sorted(file for folder in folders for kind in ("*.py", "*.yaml") for file in Path(folder).glob(kind))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _fit_replay(
    *,
    trace: Trace,
    policy: Policy | None,
    capacity: Capacity,
    seed: int,
    windows: int,
    serving: Mapping[str, Any],
    **settings: Any,
) -> Size:
    if policy is None:
        raise PolicyError("policy null: caches nothing, which only shows with a clock; name a policy")
    return fit(trace, policy, capacity, **settings)


def _replay(cell: Cell) -> Result:
    return replay(
        cell.trace,
        cell.policy,
        cell.capacity,
        reading=cell.reading,
        seed=cell.seed,
        windows=cell.windows,
        bytes_per_token=cell.bytes_per_token,
        warmup=cell.warmup,
        ttl=cell.ttl,
        cost_model=cell.cost_model,
        sizing=cell.sizing,
        stack=cell.stack,
    )


def _fit_server(
    *,
    reading: str,
    ttl: float | None,
    cost_model: str | None,
    bytes_per_token: int | None,
    serving: Mapping[str, Any],
    **arguments: Any,
) -> Size:
    _check_no_replay(reading, ttl, cost_model)
    return _size_of(prepare(**arguments, **serving), bytes_per_token)


def _fit_real_server(
    *,
    trace: Trace,
    policy: Policy | None,
    capacity: Capacity,
    reading: str,
    ttl: float | None,
    cost_model: str | None,
    sizing: Sizing | None,
    bytes_per_token: int | None,
    serving: dict[str, Any],
    **arguments: Any,
) -> Size:
    _check_no_replay(reading, ttl, cost_model)
    if sizing is not None:
        raise SizingError(f"sizing {sizing.label}: moves no measured server's capacity; leave sizing out")
    return _size_of(prepare_measurement(trace, policy, capacity, arguments, serving)[0], bytes_per_token)


def _check_no_replay(reading: str, ttl: float | None, cost_model: str | None) -> None:
    """Raise ValueError for what only a replay has."""
    if reading != "prefix":
        raise ValueError(f"reading {reading}: a server's pages are prefixes; set reading: prefix, or leave it out")
    for name, value in (("ttl", ttl), ("cost_model", cost_model)):
        if value is not None:
            raise ValueError(f"{name} {value}: a server with a clock has none; leave {name} out")


def _size_of(setup: Setup, bytes_per_token: int | None) -> Size:
    if bytes_per_token not in (None, setup.token_bytes):
        model = setup.settings["model"]
        raise ValueError(
            f"bytes_per_token {bytes_per_token}: {model} takes {setup.token_bytes}; leave bytes_per_token out"
        )
    return setup.size


def _simulate(cell: Cell) -> Result:
    return _served(cell, partial(simulate, sizing=cell.sizing))


def _measure(cell: Cell) -> Result:
    from kvreplay.simulator.measured import measure  # takes torch to import

    return _served(cell, measure)


def _served(cell: Cell, serve: Callable[..., Simulation]) -> Result:
    wall, cpu = time.perf_counter(), time.thread_time()
    served = serve(
        cell.trace,
        cell.policy,
        cell.capacity,
        seed=cell.seed,
        windows=cell.windows,
        warmup=cell.warmup,
        stack=cell.stack,
        **cell.serving,
    )
    row = served.row
    return Result(row, {"wall_seconds": time.perf_counter() - wall, "cpu_seconds": time.thread_time() - cpu})


_REPLAY = (kvreplay.simulator.replay, kvreplay.simulator.caches.sizing)
_SERVER = (*_REPLAY, kvreplay.simulator.caches.pages, kvreplay.simulator.serving)

CLOCKS = {
    UNTIMED: Clock(None, _fit_replay, _replay, _REPLAY),
    "modelled": Clock(
        server_settings,
        _fit_server,
        _simulate,
        _SERVER,
    ),
    "measured": Clock(
        measured_settings,
        _fit_real_server,
        _measure,
        (*_SERVER, kvreplay.simulator.measured, kvreplay.simulator.backends, kvreplay.simulator.backends.model),
        alone=True,
    ),
}
