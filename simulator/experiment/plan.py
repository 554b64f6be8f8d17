"""All that is known before the first replay: the traces, the cells in order, their keys, and what they will cost."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from kvreplay.parameters import changed
from kvreplay.policies import Policy, PolicyError
from kvreplay.simulator.caches.sizing import Sizing, SizingError
from kvreplay.simulator.caches.stack import Stack
from kvreplay.simulator.replay import CapacityError, Result
from kvreplay.simulator.replay.capacity import Capacity, Size
from kvreplay.simulator.serving.cost import is_profile
from kvreplay.traces.errors import TraceError
from kvreplay.traces.trace import Trace

from .clocks import CLOCKS, UNTIMED
from .entries import TraceSpec
from .errors import ExperimentError
from .grid import MAX_CELLS, Option
from .schema import parse
from .yaml_source import Source, read

# Columns that are known before the row is, and tell a cell from the others.
IDENTITY = (
    *("trace", "trace_seed", "policy", "reading", "capacity", "capacity_unit"),
    *("seed", "windows", "bytes_per_token", "warmup", "ttl", "cost_model", "sizing", "stack", "clock", "serving"),
)


@dataclass(frozen=True)
class Cell:
    """One replay to make, and all that its row depends on."""

    trace: Trace
    policy: Policy | None  # None: nothing is cached
    capacity: Capacity
    size: Size
    reading: str
    seed: int
    windows: int
    bytes_per_token: int | None
    warmup: float
    ttl: float | None
    cost_model: str | None
    sizing: Sizing | None
    stack: Stack
    clock: str  # one of CLOCKS
    serving: Mapping[str, Any]  # the clock's settings, defaults included

    @property
    def identity(self) -> dict[str, Any]:
        """The columns IDENTITY of its row."""
        clock = CLOCKS[self.clock]
        values = (
            *(self.trace.name, self.trace.meta.get("seed")),
            *("none" if self.policy is None else self.policy.label, self.reading),
            *(self.size.amount, self.size.unit, self.seed, self.windows, self.bytes_per_token),
            *(self.warmup, self.ttl, self.cost_model, None if self.sizing is None else self.sizing.label),
            self.stack.label or None,
            *(None if self.clock == UNTIMED else self.clock, clock.settings and changed(clock.settings, self.serving)),
        )
        return dict(zip(IDENTITY, values, strict=True))

    @functools.cached_property
    def key(self) -> str:
        """16 hex digits that change with anything that the row depends on: the code of policy and replay included."""
        policy = None if self.policy is None else self.policy.fingerprint
        parts = [self.identity, self.trace.content_hash, policy, CLOCKS[self.clock].version()]
        parts += [self.stack.fingerprint] if self.stack.tiers else []
        cost = self.serving.get("step_cost")  # maybe a file, which may be written anew
        parts += [hashlib.sha256(Path(cost).read_bytes()).hexdigest()] if is_profile(cost) else []
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    @property
    def label(self) -> str:
        """The cell in words."""
        return label(self.identity)

    def replay(self) -> Result:
        """What the cell comes to."""
        return CLOCKS[self.clock].run(self)


def label(identity: Mapping[str, Any]) -> str:
    """A cell's identity in words."""
    seed, bytes_per_token = identity["trace_seed"], identity["bytes_per_token"]
    warmup, ttl, cost_model, sizing = (identity[name] for name in ("warmup", "ttl", "cost_model", "sizing"))
    return (
        f"{identity['trace']}{'' if seed is None else f' #{seed}'}, {identity['policy']}, "
        f"{identity['capacity']} {identity['capacity_unit']}, {identity['reading']}, seed {identity['seed']}, "
        f"{identity['windows']} windows{'' if bytes_per_token is None else f', {bytes_per_token} B a token'}"
        f"{f', warm-up {warmup:g}' if warmup else ''}{'' if ttl is None else f', ttl {ttl:g} s'}"
        f"{'' if cost_model is None else f', cost of {cost_model}'}{'' if sizing is None else f', sized by {sizing}'}"
        f"{'' if identity['stack'] is None else ', behind ' + identity['stack']}"
        f"{'' if identity['clock'] is None else ', ' + identity['clock']}"
        f"{': ' + identity['serving'] if identity['serving'] else ''}"
    )


class Plan(NamedTuple):
    """An experiment, ready to run."""

    name: str
    values: dict[str, Any]  # the experiment as written, after overrides
    tolerance: dict[str, float]
    traces: list[Trace]
    specs: list[TraceSpec]  # of the traces
    cells: list[Cell]  # in the order of the rows; cells of equal key are there once


def make_plan(experiment: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> Plan:
    """Read an experiment, make its traces and check that all goes together; nothing is replayed.

    `overrides` are ``key=value``. Raises ExperimentError with every mistake.
    """
    source = read(experiment)
    for assignment in overrides:
        source.override(assignment)
    checked = parse(source)
    grid = checked.cells()
    if not 1 <= len(grid) <= MAX_CELLS:
        found = "no cell is left after exclude" if not grid else f"more than {MAX_CELLS} cells"
        raise ExperimentError(f"{source.where(())}: {found}; change the lists")
    named = {id(cell["trace"].value): cell["trace"] for cell in grid}
    traces = _make_traces(source, named.values())
    cells: dict[str, Cell] = {}
    problems = []
    for options in grid:
        chosen = {axis: option.value for axis, option in options.items()}
        chosen = {"bytes_per_token": None, **chosen, "trace": traces[id(chosen["trace"])]}
        clock = chosen.pop("clock")
        chosen["serving"] = chosen["serving"].params.get(clock) or CLOCKS[clock].defaults()
        try:
            size = CLOCKS[clock].fit(**chosen)
        except (CapacityError, PolicyError) as error:
            at = options["capacity" if isinstance(error, CapacityError) else "policy"]
            problems.append(f"{source.where(at.loc)}: {error}")
        except SizingError as error:
            problems.append(f"{source.where(options['sizing'].loc)}: {error}")
        except ValueError as error:
            at = options["trace" if isinstance(error, TraceError) or clock == UNTIMED else "serving"]
            problems.append(f"{source.where(at.loc)}: {error}")
        else:
            cell = Cell(**chosen, size=size, clock=clock)
            cells.setdefault(cell.key, cell)
    if problems:
        raise ExperimentError(problems)
    specs = [option.value for option in named.values()]
    return Plan(checked.name, source.values, checked.tolerance, list(traces.values()), specs, list(cells.values()))


def _make_traces(source: Source, options: Iterable[Option]) -> dict[int, Trace]:
    """The traces by the identity of their specs. Raises ExperimentError with every one that cannot be made."""
    traces: dict[int, Trace] = {}
    wholes: dict[str, Trace] = {}  # parts of one trace share it
    hashes: dict[tuple[str, int | None], list[str]] = {}  # the contents that go by one name and seed
    problems = []
    for spec, loc, _ in options:
        try:
            source_of = repr((spec.name, spec.generated, spec.given))
            whole = wholes[source_of] = wholes.get(source_of) or spec.make()
            trace = spec.of(whole)
        except (ValueError, OSError) as error:
            problems.append(f"{source.where(loc)}: {error}")
            continue
        known = hashes.setdefault((trace.name, trace.meta.get("seed")), [])
        if trace.content_hash not in known:
            known.append(trace.content_hash)
        number = known.index(trace.content_hash) + 1
        # One file read in two ways, say: their rows must not look like replicates of each other.
        traces[id(spec)] = trace if number == 1 else trace.described(f"{trace.name} ({number})")
    if problems:
        raise ExperimentError(problems)
    return traces
