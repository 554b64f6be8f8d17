"""What an experiment may say, as a pydantic model, and how its mistakes are told."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import pydantic
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainValidator, Strict

from kvreplay.parameters import nearest
from kvreplay.policies import Policy, PolicyError
from kvreplay.simulator.caches.sizing import Sizing
from kvreplay.simulator.caches.stack import EMPTY, Stack
from kvreplay.simulator.replay.capacity import Capacity, parse_capacity
from kvreplay.simulator.replay.row import COLUMNS, SETTINGS
from kvreplay.simulator.serving.memory import check_policy
from kvreplay.simulator.serving.model import models

from . import grid
from .clocks import CLOCKS, UNTIMED
from .entries import (
    Serving,
    TraceSpec,
    listed_stacks,
    parse_policies,
    parse_servings,
    parse_sizings,
    parse_stacks,
    parse_traces,
    problem,
)
from .errors import ExperimentError
from .grid import Option
from .yaml_source import Source

_MODELS = tuple(models())

# What `check` compares. The settings say which cell it is.
METRICS = tuple(name for name, (dtype, _) in COLUMNS.items() if dtype in ("Int64", "Float64") and name not in SETTINGS)


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


def _parse_capacity(value: Any) -> Capacity:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"{value!r} is no capacity; write 1000, 10%, 4GiB, 500000tokens, unlimited or device")
    return parse_capacity(value)


def _known_metric(name: str) -> str:
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}, {nearest(name, list(METRICS))}")
    return name


_OneOrMore = (Field(min_length=1), BeforeValidator(_as_list))
Traces = Annotated[list[Annotated[list[Option], PlainValidator(parse_traces)]], *_OneOrMore]
Policies = Annotated[list[Annotated[list[Option], PlainValidator(parse_policies)]], *_OneOrMore]
Sizings = Annotated[list[Annotated[list[Option], PlainValidator(parse_sizings)]], *_OneOrMore]
Capacities = Annotated[list[Annotated[Capacity, PlainValidator(_parse_capacity)]], *_OneOrMore]
Readings = Annotated[list[Literal["independent", "prefix"]], *_OneOrMore]
Seeds = Annotated[list[Annotated[int, Strict(), Field(ge=0, lt=2**63)]], *_OneOrMore]
Windows = Annotated[list[Annotated[int, Strict(), Field(ge=1, le=10**5)]], *_OneOrMore]
BytesPerToken = Annotated[list[Annotated[int, Strict(), Field(ge=1, le=2**40)]], *_OneOrMore]
Warmups = Annotated[list[Annotated[float, Strict(), Field(ge=0, lt=1)]], *_OneOrMore]
CostModels = Annotated[list[Literal[*_MODELS] | None], *_OneOrMore]  # type: ignore[valid-type]
Stacks = Annotated[
    list[Annotated[list[Option], PlainValidator(parse_stacks)]],
    Field(min_length=1),
    BeforeValidator(listed_stacks),
]
Clocks = Annotated[list[Literal[*CLOCKS]], *_OneOrMore]  # type: ignore[valid-type]
Servings = Annotated[list[Annotated[list[Option], PlainValidator(parse_servings)]], *_OneOrMore]
TTLs = Annotated[list[Annotated[float, Strict(), Field(gt=0)] | None], *_OneOrMore]


class Axes(pydantic.BaseModel):
    """What cells differ in. Each takes one value or a list of them."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    trace: Traces | None = Field(None, description="request traces, generated or loaded")
    stack: Stacks | None = Field(
        None, description="caches of whole answers in front of the pages, in order; null: none"
    )
    reading: Readings | None = Field(None, description="what a page is: for itself, or part of a prefix")
    policy: Policies | None = Field(None, description="eviction policies")
    capacity: Capacities | None = Field(
        None, description="cache sizes: 1000, 10%, 4GiB, 500000tokens, unlimited; device: what a server's leaves"
    )
    seed: Seeds | None = Field(None, description="of policies that draw random numbers")
    windows: Windows | None = Field(None, description="points of the time series")
    bytes_per_token: BytesPerToken | None = Field(None, description="models memory where a trace has no sizes")
    warmup: Warmups | None = Field(None, description="share of the requests that fills the cache first, uncounted")
    ttl: TTLs | None = Field(None, description="seconds that an entry is good for; null: for ever")
    cost_model: CostModels | None = Field(None, description="whose prefill operations pages cost; modelled")
    sizing: Sizings | None = Field(None, description="what moves the capacity with what is observed; null: fixed")
    clock: Clocks | None = Field(
        None,
        description="what keeps the time: untimed, nothing; modelled, a simulated server; measured, a real model here",
    )
    serving: Servings | None = Field(None, description="settings of servers with a clock")

    def options(self) -> dict[str, list[Option]]:
        """The options of every axis that was given, with their places in the experiment."""
        found = {}
        for axis in Axes.model_fields:
            values = getattr(self, axis)
            if axis in ("trace", "stack", "policy", "sizing", "serving") and values is not None:
                nested = [o._replace(loc=(axis, i, *o.loc)) for i, entry in enumerate(values) for o in entry]
                found[axis] = nested
            elif values is not None:
                found[axis] = [Option(value, (axis, i)) for i, value in enumerate(values)]
        return found


def _not_empty(excluded: Axes) -> Axes:
    if not excluded.options():
        raise ValueError("names no axis and would leave out every cell; name at least one")
    return excluded


class Experiment(Axes):
    """Traces, policies and capacities, crossed: each combination is a cell, and becomes a row."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="of the result folder")]
    question: str = Field("", description="that the experiment answers; the report opens with it")
    trace: Traces
    stack: Stacks = [[Option(EMPTY, ())]]
    reading: Readings = ["independent"]
    policy: Policies
    capacity: Capacities
    seed: Seeds = [0]
    windows: Windows = [100]
    warmup: Warmups = [0.0]
    ttl: TTLs = [None]
    cost_model: CostModels = [None]
    sizing: Sizings = [[Option(None, ())]]
    clock: Clocks = [UNTIMED]
    serving: Servings = [[Option(Serving({}, {}), ())]]
    zip: list[Annotated[list[str], Field(min_length=2)]] = Field([], description="axes that advance together")
    exclude: list[Annotated[Axes, AfterValidator(_not_empty)]] = Field(
        [], description="cells that match all of the values are left out"
    )
    tolerance: dict[Annotated[str, AfterValidator(_known_metric)], Annotated[float, Field(ge=0)]] = Field(
        {}, description="how far `check` lets a metric be from its baseline; 0 where not given"
    )

    @pydantic.field_validator("zip")
    @classmethod
    def _zip_fits(cls, zipped: list[list[str]], info: pydantic.ValidationInfo) -> list[list[str]]:
        options = Axes.model_construct(**{name: info.data.get(name) for name in Axes.model_fields}).options()
        problems, seen = [], set()
        for i, group in enumerate(zipped):
            for axis in group:
                if axis not in Axes.model_fields:
                    known = nearest(axis, list(Axes.model_fields))
                    problems.append(problem((i,), f"unknown axis {axis!r}, {known}", group))
                elif axis in info.data and info.data[axis] is None:
                    problems.append(problem((i,), f"axis {axis!r} has no values here; give it a list", group))
                elif axis in seen:
                    problems.append(problem((i,), f"axis {axis!r} is zipped twice; name it once", group))
                seen.add(axis)
            lengths = {axis: len(options[axis]) for axis in group if axis in options}
            if len(set(lengths.values())) > 1:
                counts = ", ".join(f"{axis} has {length}" for axis, length in lengths.items())
                message = f"zipped axes differ in length ({counts}); give them equally many values"
                problems.append(problem((i,), message, group))
        if problems:
            raise pydantic.ValidationError.from_exception_data("zip", problems)
        return zipped

    def cells(self) -> list[dict[str, Option]]:
        """The grid's cells in order, traces varying slowest and the last axis fastest."""
        excluded = [exclusion.options() for exclusion in self.exclude]
        options = self.options()
        if "reading" not in self.model_fields_set and UNTIMED not in self.clock:
            options["reading"] = [Option("prefix", ())]  # the only one that servers know

        def leave_out(cell: dict[str, Option]) -> bool:
            policy = cell["policy"]
            if policy.optional and not _suits(policy.value, cell):
                return True
            return any(all(_matches(cell, axis, rule[axis]) for axis in rule) for rule in excluded)

        return list(itertools.islice(grid.cells(options, self.zip, leave_out), grid.MAX_CELLS + 1))


def parse(source: Source) -> Experiment:
    """The experiment in `source`. Raises ExperimentError with every mistake."""
    try:
        return Experiment.model_validate(source.values, context={"folder": source.folder})
    except pydantic.ValidationError as error:
        raise ExperimentError(_explain(wrong, source) for wrong in error.errors()) from None


def _explain(wrong: Any, source: Source) -> str:
    loc, kind = wrong["loc"], wrong["type"]
    if kind == "extra_forbidden":
        known = Experiment.model_fields if len(loc) == 1 else Axes.model_fields
        return f"{source.where(loc, key=True)}: unknown key {loc[-1]!r}, {nearest(str(loc[-1]), list(known))}"
    where = source.where(loc, key=kind == "wrong_key" or loc[-1:] == ("[key]",))
    if kind == "missing":
        return f"{where}: {loc[-1]!r} is missing; an experiment needs name, trace, policy and capacity"
    if kind in ("wrong", "wrong_key"):
        return f"{where}: {wrong['msg']}"
    if kind == "value_error":
        return f"{where}: {wrong['ctx']['error']}"
    value = repr(wrong["input"])
    value = value if len(value) <= 60 else value[:57] + "..."
    return f"{where}: {loc[0]} is {value}; {wrong['msg'][0].lower()}{wrong['msg'][1:]}"


def _suits(policy: Policy, cell: Mapping[str, Option]) -> bool:
    """Whether a policy that was not named works in the reading, and with the clock, of a cell."""
    if policy.hooks.reading not in (None, cell["reading"].value):
        return False
    if cell["clock"].value == UNTIMED:
        return True
    try:
        check_policy(policy)
    except PolicyError:
        return False
    return True


def _matches(cell: Mapping[str, Option], axis: str, wanted: list[Option]) -> bool:
    if axis not in cell:
        return False
    value = cell[axis].value
    return any(_equals(value, option.value) for option in wanted)


def _equals(value: Any, wanted: Any) -> bool:
    """Whether a cell's value is the one that an exclusion means: one of that name that has the parameters given."""
    if isinstance(wanted, Policy | TraceSpec | Sizing):
        return value is not None and value.name == wanted.name and wanted.given.items() <= value.params.items()
    if isinstance(wanted, Serving):
        return any(wanted.given.items() <= params.items() for params in value.params.values())
    if isinstance(wanted, Stack):
        pairs = zip(value.tiers, wanted.tiers, strict=False)
        alike = all(a.name == b.name and b.given.items() <= a.params.items() for a, b in pairs)
        return len(value.tiers) == len(wanted.tiers) and alike
    if isinstance(wanted, Capacity):
        return (value.value, value.unit) == (wanted.value, wanted.unit)
    return value == wanted
