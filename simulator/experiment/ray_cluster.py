"""Cells spread over a Ray cluster (extra `ray`).

A trace reaches each node once: mapped from the folder that it has here, where the node sees that too, or else through
Ray's object store, from which all workers of a node read it in place. Policies from files travel as their code;
kvreplay itself must be installed on every node, in the same version. The cells of a worker or node that died are given
to others.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import inspect
import json
import logging
import os
import resource
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kvreplay.simulator.replay import Part, Result
from kvreplay.traces import TraceError, store
from kvreplay.traces.stream import Stream
from kvreplay.traces.trace import Trace

from .attempt import Failure, Overtime, attempt_within
from .clocks import CLOCKS
from .cost import check_room, in_worker
from .errors import ExperimentError
from .plan import Cell

_RETRIES = 3  # of a cell whose worker or node dies: one that kills every worker must not do so for ever
_AHEAD = 2  # cells handed out for each core, so that none waits for us
_DELIVERY = 1.0  # seconds that an answer has to leave a worker that must end


class _Origin(NamedTuple):
    """How a worker gets a trace."""

    content_hash: str  # of the whole, where it is a part
    folder: str | None  # of its store on this machine
    references: tuple[Any, ...]  # to the trace in the object store, or none; Ray does not follow those in a tuple
    name: str
    meta: str  # JSON
    part: tuple[float, int] | None = None  # rate and number of the part of it that is replayed


class _Answer(NamedTuple):
    """What a worker came to."""

    outcome: Result | Failure | None  # None: it does not see the trace
    worker: tuple[str, int]  # its node and process
    peak: int  # bytes of it that were in memory at most


def on_ray(
    cells: Sequence[Cell],
    address: str | None,
    timeout: float | None,
    memory: int | None = None,
    peaks: dict[tuple[str, int], int] | None = None,
) -> Iterator[tuple[int, Result | Failure]]:
    """`attempt_within` on every cell, in this order: its number and what it came to, as they finish.

    `address` is that of the cluster (default: what RAY_ADDRESS says, or a new one on this machine). With `memory`, in
    bytes, no node gets more cells at a time than fit. `peaks` is told of every worker, by node and process, how many
    bytes of it were in memory at most. Raises ExperimentError where Ray is not installed, no cluster answers, or a cell
    fits no node.
    """
    ray, is_ours = _connected(address)
    task = ray.remote(num_cpus=1, max_retries=_RETRIES)(_replay)
    reserved = None if memory is None else _reserved(ray, cells, memory)
    origins = {id(cell.trace): _origin(cell.trace) for cell in cells}
    stored: dict[int, Any] = {}  # whole traces in the object store
    waiting = list(reversed(range(len(cells))))
    running: dict[Any, int] = {}
    try:
        while waiting or running:
            slots = _AHEAD * max(int(ray.cluster_resources().get("CPU", 1)), 1)
            while waiting and len(running) < slots:
                number = waiting.pop()
                packed = ray.cloudpickle.dumps(_portable(cells[number], ray.cloudpickle))
                sized = task if reserved is None else task.options(memory=reserved[number])
                version = CLOCKS[cells[number].clock].version()
                running[sized.remote(packed, origins[id(cells[number].trace)], timeout, version)] = number
            done, _ = ray.wait(list(running), num_returns=1, timeout=1.0)
            for reference in done:
                number = running.pop(reference)
                answer = _answer(ray, reference)
                outcome = answer if isinstance(answer, Failure) else answer.outcome
                if peaks is not None and isinstance(answer, _Answer):
                    peaks[answer.worker] = answer.peak
                if outcome is not None:
                    yield number, outcome
                    continue
                whole = _whole(cells[number].trace)
                if id(whole) not in stored:
                    stored[id(whole)] = ray.put(whole)
                origins[id(cells[number].trace)] = _origin(cells[number].trace, (stored[id(whole)],))
                waiting.append(number)
    finally:
        for reference in running:
            with contextlib.suppress(Exception):
                ray.cancel(reference, force=True)
        if is_ours:
            ray.shutdown()


def _reserved(ray: Any, cells: Sequence[Cell], memory: int) -> list[int]:
    """The memory that Ray sets aside for each of `cells`, of what it believes each node to have.

    More than they need, where the nodes have more than `memory`: as much more as the largest of them has.
    """
    needs = in_worker(cells)
    largest = max(node["Resources"].get("memory", 0.0) for node in ray.nodes() if node["Alive"])
    check_room(cells, needs, min(memory, int(largest)))
    return [int(need * max(largest / memory, 1)) for need in needs]


def _connected(address: str | None) -> tuple[Any, bool]:
    """Ray, and whether it was connected here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.cloudpickle
    except ModuleNotFoundError as error:
        raise ExperimentError("engine ray: Ray is not installed; run pip install 'kvreplay[ray]'") from error
    if ray.is_initialized():
        return ray, False
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    new: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **new)
    except (ConnectionError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise ExperimentError(f"engine ray: no cluster at {address} ({reason}); start one there") from error
    return ray, True


def _portable(cell: Cell, cloudpickle: Any) -> Cell:
    """`cell` without its trace; policies that other machines need not have travel as code."""
    if cell.policy is None:
        return dataclasses.replace(cell, trace=None)  # type: ignore[arg-type]
    hooks = cell.policy.hooks
    modules = {inspect.getmodule(inspect.unwrap(hook)) for hook in (hooks.init, *hooks.compiled.values())}
    foreign = [module for module in modules if module and not module.__name__.startswith("kvreplay.")]
    for module in foreign:
        cloudpickle.register_pickle_by_value(module)
    if foreign:
        hooks = dataclasses.replace(hooks, importable=False)
    policy = dataclasses.replace(cell.policy, hooks=hooks)
    return dataclasses.replace(cell, trace=None, policy=policy)  # type: ignore[arg-type]


def _whole(trace: Trace) -> Trace:
    return trace.whole if isinstance(trace, Part) else trace


def _origin(trace: Trace, references: tuple[Any, ...] = ()) -> _Origin:
    whole = _whole(trace)
    owner: Any = None if isinstance(whole, Stream) else whole.pages
    while isinstance(owner, np.ndarray) and not isinstance(owner, np.memmap):
        owner = owner.base
    folder = str(Path(owner.filename).parent) if isinstance(owner, np.memmap) and owner.filename else None
    part = (trace.rate, trace.number) if isinstance(trace, Part) else None
    return _Origin(whole.content_hash, folder, references, trace.name, json.dumps(dict(trace.meta)), part)


def _answer(ray: Any, reference: Any) -> _Answer | Failure:
    """What a finished task says."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:  # raised outside the replay: the policy cannot be unpacked, say
        return Failure(f"{type(error.cause).__name__}: {error.cause}", str(error))
    except ray.exceptions.RayError as error:
        return Failure(f"{type(error).__name__}: its worker died, {_RETRIES + 1} times", str(error))


def _replay(packed: bytes, origin: _Origin, timeout: float | None, version: str) -> _Answer:
    """What runs on a worker."""
    import ray

    outcome = _outcome(packed, origin, timeout, version)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return _Answer(outcome, (ray.get_runtime_context().get_node_id(), os.getpid()), peak)


def _outcome(packed: bytes, origin: _Origin, timeout: float | None, version: str) -> Result | Failure | None:
    import ray.cloudpickle

    cell: Cell = ray.cloudpickle.loads(packed)
    if version != CLOCKS[cell.clock].version():
        node = ray.util.get_node_ip_address()
        raise ExperimentError(f"{node}: has another version of kvreplay; install that of the machine that runs this")
    try:
        cell = dataclasses.replace(cell, trace=_trace(origin))
    except LookupError:
        return None
    outcome = attempt_within(cell, timeout)
    if isinstance(outcome, Overtime):
        threading.Timer(_DELIVERY, os._exit, (1,)).start()
    return outcome


@functools.lru_cache(maxsize=8)
def _trace(origin: _Origin) -> Trace:
    """The trace, the same object for all cells that this worker gets. Raises LookupError where it is nowhere."""
    trace = _found(origin)
    if origin.part is not None:
        trace = Part(trace, *origin.part)
    return trace.described(origin.name, json.loads(origin.meta))


def _found(origin: _Origin) -> Trace:
    """The whole trace. Raises LookupError where it is nowhere."""
    import ray

    if origin.folder is not None:
        with contextlib.suppress(TraceError):
            trace = store.open_trace(Path(origin.folder))
            if trace.content_hash == origin.content_hash:
                return trace
    if not origin.references:
        raise LookupError(origin.name)
    return ray.get(origin.references[0])
