"""The claims in a YAML file: what was said, and which replays or measurements stand against it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pydantic
from pydantic import AfterValidator, ConfigDict, Field, PlainValidator

from kvreplay.simulator.caches import stack
from kvreplay.simulator.experiment.errors import ExperimentError
from kvreplay.simulator.experiment.yaml_source import read

from .measures import MEASURES
from .target import Target, parse_target


def _target(value: Any) -> Target:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text; write a figure and its unit, such as 95 %")
    return parse_target(value)


def _stack(written: list[Any]) -> list[Any]:
    stack.parse(written)  # before any work is done: an embedder may not be installed
    return written


class Claim(pydantic.BaseModel):
    """A claimed figure, and what it is held against: a metric of replays, or a measure."""

    model_config = ConfigDict(extra="forbid")

    says: Annotated[str, Field(description="the claim as a sentence")]
    claimed: Annotated[Target, PlainValidator(_target)]
    trace: Annotated[dict[str, Any] | None, Field(description="a generated workload; its seeds are the file's")] = None
    stack: Annotated[list[Any], AfterValidator(_stack), Field(description="the tiers in front of the pages")] = []
    metric: Annotated[str | None, Field(description="the column of the rows that is the figure")] = None
    vary: Annotated[dict[str, list[Any]], Field(description="workload parameters, and values to try them at")] = {}
    measure: Annotated[str | None, Field(description="a function of simulator/claims/measures.py")] = None
    given: Annotated[dict[str, Any], Field(alias="with", description="that function's arguments")] = {}
    why: Annotated[str, Field(description="why the figure is what it is")] = ""

    @pydantic.model_validator(mode="after")
    def _held_against_one_thing(self) -> Claim:
        if (self.measure is None) == (self.trace is None or self.metric is None):
            raise ValueError("is held against nothing, or two things; give trace and metric, or else a measure")
        if self.measure is not None and self.measure not in MEASURES:
            raise ValueError(f"unknown measure {self.measure!r}; known: {', '.join(MEASURES)}")
        return self


class Claims(pydantic.BaseModel):
    """A file of claims that belong together."""

    model_config = ConfigDict(extra="forbid")

    question: Annotated[str, Field(description="that the claims answer")]
    seeds: Annotated[list[int], Field(min_length=2, description="of every generated workload")] = [0, 1, 2, 3, 4]
    policy: Annotated[Any, Field(description="that evicts pages")] = "lru"
    capacity: Annotated[Any, Field(description="of the pages")] = "100%"
    reading: Annotated[str, Field(description="of the pages")] = "prefix"
    claims: Annotated[list[Claim], Field(min_length=1)]


def read_claims(path: str | Path) -> Claims:
    """The claims in a YAML file. Raises ExperimentError with every mistake, and where it stands."""
    source = read(path)
    try:
        return Claims.model_validate(source.values)
    except pydantic.ValidationError as error:
        raise ExperimentError(
            f"{source.where(wrong['loc'], key=wrong['type'] == 'extra_forbidden')}: {_explain(wrong)}"
            for wrong in error.errors()
        ) from None


def _explain(wrong: Any) -> str:
    if wrong["type"] == "extra_forbidden":
        return f"unknown key {wrong['loc'][-1]!r}"
    if wrong["type"] == "missing":
        return f"{wrong['loc'][-1]!r} is missing"
    if wrong["type"] == "value_error":
        return str(wrong["ctx"]["error"])
    return f"{wrong['loc'][-1]} is {wrong['input']!r}; {wrong['msg'][0].lower()}{wrong['msg'][1:]}"
