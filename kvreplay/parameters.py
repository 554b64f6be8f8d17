"""Parameters of anything a person configures by name: the keyword-only arguments of a plain function.

Policies and workload generators declare theirs once, as annotated keyword-only arguments with defaults
(``window: Annotated[float, Interval(gt=0, lt=1)] = 0.01``). This module turns that signature into a
pydantic model, so that a YAML file, the command line and a Python call are checked by the same rules.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    import pydantic


_MEMBERS = {"bool", "int", "float", "str"}  # what pydantic calls members of a union, at the end of a place


class ParameterError(ValueError):
    """One or more parameters are unknown, of the wrong type or out of range; the message names each."""


def model(function: Callable[..., Any]) -> type[pydantic.BaseModel]:
    """A strict-keyed pydantic model of `function`'s keyword-only arguments.

    Raises ParameterError where an annotation names what is not there.
    """
    import pydantic

    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, AttributeError, SyntaxError, TypeError) as error:
        where = f"{function.__module__}.{function.__qualname__}"
        raise ParameterError(f"{where}: an annotation is no type ({error}); import what it names") from error
    fields: dict[str, Any] = {
        name: (hints.get(name, Any), ... if argument.default is argument.empty else argument.default)
        for name, argument in inspect.signature(function).parameters.items()
        if argument.kind is argument.KEYWORD_ONLY
    }
    config = pydantic.ConfigDict(extra="forbid", arbitrary_types_allowed=True, allow_inf_nan=False)
    return pydantic.create_model(function.__name__, __config__=config, **fields)


def check(function: Callable[..., Any], owner: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """`params` converted and with defaults filled in. Raises ParameterError naming `owner` and every mistake.

    Without pydantic, as on machines that only measure real memory, there are the defaults and nothing else.
    """
    try:
        import pydantic
    except ImportError:
        if params:
            raise ParameterError(f"{owner}: parameters need pydantic; pip install pydantic, or set none") from None
        return dict(function.__kwdefaults__ or {})

    checked = model(function)
    try:
        valid = checked(**params)
    except pydantic.ValidationError as error:
        wrong = "; ".join(explain(problem, list(checked.model_fields)) for problem in mistakes(error))
        raise ParameterError(f"{owner}: {wrong}") from None
    # Not dict(valid): a parameter called `keys` would be taken for the method.
    return {name: getattr(valid, name) for name in checked.model_fields}


def changed(function: Callable[..., Any], params: Mapping[str, Any]) -> str:
    """Those of `params` that are not as `function` has them by default, in words: ``replicas=4, rate=2.0``."""
    defaults = function.__kwdefaults__ or {}
    return ", ".join(f"{name}={_written(value)}" for name, value in params.items() if value != defaults[name])


def _written(value: Any) -> str:
    return " > ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def parse_pairs(pairs: Sequence[str], where: str) -> dict[str, Any]:
    """``key=value`` texts as a dictionary, values read as in YAML. Raises ParameterError naming `where`."""
    if not pairs:
        return {}
    import yaml

    values = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not (key and equals):
            raise ParameterError(f"{where}: {pair!r} is not KEY=VALUE; write for example page_tokens=16")
        try:
            values[key] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ParameterError(f"{where}: {text!r} is not a value; quote it as in YAML") from None
    return values


def mistakes(error: pydantic.ValidationError) -> list[dict[str, Any]]:
    """The problems in `error`; of a value that suits no member of a union, which pydantic tells once for each, one."""
    found: dict[tuple[int | str, ...], dict[str, Any]] = {}
    for problem in error.errors():
        *place, last = problem["loc"]
        at = (*place,) if last in _MEMBERS else problem["loc"]
        if at in found:
            found[at]["msg"] += f" or {problem['msg'].removeprefix('Input should be ')}"
        else:
            found[at] = {**problem, "loc": at}
    return list(found.values())


def explain(problem: Mapping[str, Any], known: list[str]) -> str:
    """One pydantic error as a phrase: the field, what was wrong, and the nearest valid name."""
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f"unknown parameter {name!r}, {nearest(name, known)}"
    if problem["type"] == "missing":
        return f"parameter {name!r} is required"
    if problem["type"] == "value_error":
        return f"parameter {name!r}: {problem['ctx']['error']}"
    message = problem["msg"][0].lower() + problem["msg"][1:]
    return f"parameter {name!r} is {problem['input']!r}: {message}"


def nearest(name: str, known: list[str]) -> str:
    """'did you mean …' where a known name is close, else the known names."""
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known)) or 'none'}"
