"""Many simulations: every combination of settings that are lists, and the YAML files that name them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import pydantic
import yaml
from pydantic import BeforeValidator, ConfigDict, Field

from kvreplay.parameters import explain
from kvreplay.traces.trace import Trace

from .simulation import Simulation, simulate


class SweepError(ValueError):
    """A YAML file names no simulations."""


class Sweep(pydantic.BaseModel):
    """What a YAML file says: traffic, as `kvreplay simulate` names it, and settings, of which any may be a list."""

    model_config = ConfigDict(extra="forbid")

    question: str = ""
    trace: Annotated[
        list[str], Field(min_length=1), BeforeValidator(lambda value: value if isinstance(value, list) else [value])
    ]
    settings: dict[str, Any] = {}


def read_sweep(path: str | Path) -> Sweep:
    """The file's content. Raises SweepError where it is none."""
    try:
        return Sweep.model_validate(yaml.safe_load(Path(path).read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise SweepError(f"{path}: is no YAML: {' '.join(str(error).split())}; correct it") from None
    except pydantic.ValidationError as error:
        known = list(Sweep.model_fields)
        raise SweepError(f"{path}: " + "; ".join(explain(problem, known) for problem in error.errors())) from None


def combinations(settings: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every combination of the values, the last varying fastest. Several stacks, or tiers, are a list of lists."""
    choices = [value if _varies(name, value) else [value] for name, value in settings.items()]
    return [dict(zip(settings, chosen, strict=True)) for chosen in itertools.product(*choices)]


def sweep(trace: Trace, **settings: Any) -> Iterator[Simulation]:
    """`simulate` for every combination of the settings' values, as they finish. Raises what that raises."""
    for chosen in combinations(settings):
        yield simulate(trace, **chosen)


def _varies(name: str, value: Any) -> bool:
    one_is_a_list = name in ("stack", "tiers")
    return isinstance(value, list) and (
        not one_is_a_list or (len(value) > 0 and all(isinstance(v, list) for v in value))
    )
