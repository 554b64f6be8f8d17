"""The traces, policies, controllers and servers that an experiment names, checked against the parameters of each."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_origin

import pydantic
from pydantic_core import InitErrorDetails, PydanticCustomError

from kvreplay import parameters, policies
from kvreplay.simulator.caches import sizing
from kvreplay.simulator.caches import stack as stacks
from kvreplay.simulator.caches.errors import CacheError
from kvreplay.simulator.replay.part import Part
from kvreplay.traces import Trace, TraceError, load, workloads

from . import grid
from .clocks import CLOCKS
from .grid import Option
from .yaml_source import Loc


class TraceSpec(NamedTuple):
    """A trace that an experiment names: where it comes from, and its parameters."""

    name: str  # of a workload if `generated`; else a path or a name in the catalogue
    generated: bool
    params: dict[str, Any]  # every parameter of a workload, defaults included; the options of a reader
    given: dict[str, Any]  # the ones that the experiment set
    label: str | None = None  # what to call it, instead of the name and parameters
    sample: float | None = None  # which share of its pages
    part: int = 0  # which of the disjoint samples of this share

    def make(self) -> Trace:
        """The trace, whole and under its own name. Raises TraceError."""
        return workloads.generate(self.name, **self.given) if self.generated else load(self.name, **self.given)

    def of(self, whole: Trace) -> Trace:
        """What is replayed of `whole`, which `make` made. Raises TraceError."""
        trace = whole if self.sample is None else Part(whole, self.sample, self.part)
        return trace if self.label is None else trace.described(self.label)

    def written(self, label: str) -> dict[str, Any]:
        """The entry of an experiment that stands for this trace alone, called `label`."""
        sample = {} if self.sample is None else {"sample": self.sample, "part": self.part}
        return {"generate" if self.generated else "load": self.name, **self.given, **sample, "as": label}


class Serving(NamedTuple):
    """What a `serving` block says."""

    given: Mapping[str, Any]
    params: Mapping[str, dict[str, Any]]  # by clock: of `given` what it takes, and its defaults


def parse_policies(entry: Any, info: pydantic.ValidationInfo) -> list[Option]:
    """The policies that `entry` stands for: null for no caching, ``all`` (each where it works in the reading and with
    the clock), what `policies.get` takes, or a mapping of `name` and parameters, which may be lists. Positions are
    relative to the entry."""
    if entry is None:
        return [Option(None, ())]
    if entry == "all":
        return [Option(policies.get(name), (), optional=True) for name in policies.names()]
    if isinstance(entry, str):
        return [Option(policies.get(_find_file(entry, info)), ())]
    if not isinstance(entry, Mapping) or "name" not in entry:
        raise ValueError(f"{entry!r} is no policy; write its name, or a mapping with `name` and parameters")
    return _parse(
        entry,
        "name",
        lambda name: policies.find(_find_file(name, info)).init,
        lambda name, given: policies.get(_find_file(name, info), **given),
    )


def parse_sizings(entry: Any) -> list[Option]:
    """The controllers that `entry` stands for: null for a fixed capacity, what `sizing.get` takes, or a mapping of
    `name` and parameters, which may be lists. Positions are relative to the entry."""
    if entry is None:
        return [Option(None, ())]
    if isinstance(entry, str):
        return [Option(sizing.get(entry), ())]
    if not isinstance(entry, Mapping) or "name" not in entry:
        raise ValueError(f"{entry!r} is no sizing; write null, its name, or a mapping with `name` and parameters")
    return _parse(entry, "name", sizing.find, lambda name, given: sizing.get(name, **given))


def parse_servings(entry: Any, info: pydantic.ValidationInfo) -> list[Option]:
    """The settings of servers that `entry`, a mapping whose values may be lists, stands for. Each must be one that a
    clock of the experiment takes. Positions are relative to the entry."""
    if not isinstance(entry, Mapping):
        raise ValueError(f"{entry!r} is no mapping; write settings of a server, such as {{replicas: 4, rate: [1, 2]}}")
    chosen = info.data.get("clock") or list(CLOCKS)
    takers = {name: take for name in chosen if (take := CLOCKS[name].settings) is not None}
    if not takers:
        raise ValueError("a replay without a clock has no server; set clock: modelled, or leave serving out")
    clocks = {name: parameters.model(take) for name, take in takers.items()}
    known = {key for model in clocks.values() for key in model.model_fields}
    options: list[Option] = []
    problems: list[InitErrorDetails] = [
        problem((key,), f"serving: unknown parameter {key!r}, {parameters.nearest(key, sorted(known))}", key, key=True)
        for key in entry
        if key not in known
    ]
    lists = frozenset(
        key for model in clocks.values() for key, field in model.model_fields.items() if field.default == ()
    )
    for choice in grid.combinations({key: value for key, value in entry.items() if key in known}, lists):
        params = {}
        for clock, model in clocks.items():
            own = {key: value for key, value in choice.values.items() if key in model.model_fields}
            wrong = _mistakes("serving", model, choice._replace(values=own))
            problems += wrong
            if not wrong:
                params[clock] = parameters.check(takers[clock], "serving", own)
        options.append(Option(Serving(choice.values, params), ()))
    if problems:
        raise pydantic.ValidationError.from_exception_data("serving", problems)
    return options


def parse_traces(entry: Any, info: pydantic.ValidationInfo) -> list[Option]:
    """The traces that `entry` stands for: the name of a workload, or a mapping of `generate` and its parameters; what
    `traces.load` takes, or a mapping of `load` and its options. Either mapping may say with `as` what to call the
    trace, and with `sample` (and `part`, which may be a list) to take only a share of its pages. Positions are relative
    to the entry."""
    if isinstance(entry, str):
        entry = {"generate" if entry in workloads.names() else "load": entry}
    if not isinstance(entry, Mapping) or ("generate" in entry) == ("load" in entry):
        raise ValueError(f"{entry!r} is no trace; write a mapping with either `generate` or `load`, and parameters")
    label = entry.get("as")
    if "as" in entry and not (isinstance(label, str) and label.strip() and label.isprintable()):
        raise ValueError(f"`as` is {label!r}; write what to call the trace, in one line of text")
    samples = _samples(entry)
    entry = {key: value for key, value in entry.items() if key not in ("as", "sample", "part")}
    if "load" in entry:
        found = []
        for options, sources in grid.combinations(entry):
            name = _find_file(str(options.pop("load")), info)
            found.append(Option(TraceSpec(name, False, options, options, label), sources.get(("load",), ())))
    else:
        found = _parse(
            entry,
            "generate",
            workloads.find,
            lambda name, given: TraceSpec(
                name, True, parameters.check(workloads.find(name), name, given), given, label
            ),
        )
    return [
        option._replace(value=option.value._replace(sample=sample, part=part))
        for option in found
        for sample, part in samples
    ]


def _samples(entry: Mapping[str, Any]) -> list[tuple[float | None, int]]:
    """The samples that `entry` asks for, and the number of each among the disjoint ones of its share."""
    if "sample" not in entry:
        if "part" in entry:
            raise ValueError("`part` is that of a sample; say with `sample` of which share of the pages")
        return [(None, 0)]
    sample, parts = entry["sample"], entry.get("part", 0)
    if isinstance(sample, bool) or not isinstance(sample, int | float) or not 0 < sample <= 1:
        raise ValueError(f"`sample` is {sample!r}; write a share of the pages above 0, up to 1")
    parts = parts if isinstance(parts, list) else [parts]
    for part in parts:
        if isinstance(part, bool) or not isinstance(part, int) or not 0 <= part < round(1 / sample):
            raise ValueError(f"`part` is {part!r}; write whole numbers from 0 to {round(1 / sample) - 1}")
    return [(float(sample), part) for part in parts]


def _parse(
    entry: Mapping[str, Any],
    naming: str,
    find: Callable[[str], Callable[..., Any]],
    make: Callable[[str, dict[str, Any]], Any],
) -> list[Option]:
    """What the mapping `entry` stands for: `make(name, given)` for every name in `entry[naming]` and every
    combination of its other keys. They must suit the keyword-only arguments of the function `find(name)`.

    Raises pydantic.ValidationError with every mistake at its place.
    """
    names = entry[naming] if isinstance(entry[naming], list) else [entry[naming]]
    rest = {key: value for key, value in entry.items() if key != naming}
    options: list[Option] = []
    problems: list[InitErrorDetails] = []
    for i, name in enumerate(names):
        try:
            model = parameters.model(find(str(name)))
        except (policies.PolicyError, sizing.SizingError, TraceError) as error:
            problems.append(problem((naming, i), str(error), name))
            continue
        fields = model.model_fields
        lists = frozenset(name for name, field in fields.items() if _takes_list(field.annotation))
        for choice in grid.combinations(rest, lists):
            problems += (wrong := _mistakes(name, model, choice))
            try:
                options += [] if wrong else [Option(make(name, choice.values), ())]
            except sizing.SizingError as error:  # of parameters that do not go together
                problems.append(problem((naming, i), str(error), name))
    if problems:
        raise pydantic.ValidationError.from_exception_data(naming, problems)
    return options


def read_stacks(text: str) -> list[stacks.Stack]:
    """The stacks in a YAML text: one list of tiers, or a list of such lists. Raises ValueError with every mistake."""
    import yaml

    try:
        written = yaml.safe_load(text)
        options = [option for entry in listed_stacks(written) for option in parse_stacks(entry)]
    except yaml.YAMLError as error:
        raise CacheError(f"stack: {' '.join(str(error).split())}; write for example [exact, semantic]") from None
    except pydantic.ValidationError as error:
        raise CacheError("\n".join(dict.fromkeys(wrong["msg"] for wrong in error.errors()))) from None
    return [option.value for option in options]


def listed_stacks(written: Any) -> list[Any]:
    """The stacks in what is one of them or a list of them."""
    several = isinstance(written, list) and any(isinstance(item, list) for item in written)  # a tier is no list
    return written if several else [written]


def parse_stacks(entry: Any) -> list[Option]:
    """The stacks that `entry` stands for: a list of tiers, each a name or a mapping of one name to its parameters,
    which may be lists; None for none. Positions are relative to the entry.

    Raises ValueError or, with every mistake at its place, pydantic.ValidationError.
    """
    if entry is None:
        return [Option(stacks.EMPTY, ())]
    if not isinstance(entry, list):
        raise ValueError(f"{entry!r} is no list of tiers; write for example [exact, semantic: {{threshold: 0.9}}]")
    tiers: list[list[tuple[str, dict[str, Any]]]] = []
    problems: list[InitErrorDetails] = []
    for i, tier in enumerate(entry):
        try:
            name, params = stacks.named(tier)
        except CacheError as error:
            problems.append(problem((i,), str(error), tier))
            continue
        model = parameters.model(stacks.TIERS[name])
        choices = grid.combinations(params)
        problems += [wrong for choice in choices for wrong in _mistakes(name, model, choice, at=(i, name))]
        tiers.append([(name, choice.values) for choice in choices])
    if problems:
        raise pydantic.ValidationError.from_exception_data("stack", problems)
    return [Option(stacks.make(chosen), ()) for chosen in itertools.product(*tiers)]


def _mistakes(
    name: str, model: type[pydantic.BaseModel], choice: grid.Combination, at: Loc = ()
) -> list[InitErrorDetails]:
    """What `model` finds wrong with the parameters of `name`; `at` is where they stand."""
    try:
        model.model_validate(choice.values)
    except pydantic.ValidationError as error:
        return [
            problem(
                (*at, *choice.source(wrong["loc"])),
                f"{name}: {parameters.explain(wrong, list(model.model_fields))}",
                wrong["input"],
                key=wrong["type"] == "extra_forbidden",
            )
            for wrong in parameters.mistakes(error)
        ]
    return []


def problem(loc: Loc, message: str, value: Any, *, key: bool = False) -> InitErrorDetails:
    """A mistake at `loc`, as pydantic collects them; with `key` it is the key that is wrong, not its value."""
    # The message goes in as a value: pydantic would take braces in a template for fields.
    error = PydanticCustomError("wrong_key" if key else "wrong", "{message}", {"message": message})
    return InitErrorDetails(type=error, loc=loc, input=value)


def _takes_list(annotation: Any) -> bool:
    return get_origin(annotation) is list or any(map(_takes_list, get_args(annotation)))


def _find_file(name: str, info: pydantic.ValidationInfo) -> str:
    """A file named relative to the working directory, or else to the experiment; anything else as it is.

    A policy may have an admission filter behind its name.
    """
    assert info.context is not None
    file, filters = policies.split_filters(name)
    beside: Path = info.context["folder"] / file
    return "+".join([str(beside), *filters]) if beside.exists() and not Path(file).exists() else name
