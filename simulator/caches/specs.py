"""Embedders and indexes by name with parameters behind it (``hnsw:M=10``): what is written in files and results."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any, NamedTuple

from kvreplay import parameters

from .errors import CacheError


class Known(NamedTuple):
    """Where something that has a name is made."""

    module: str
    kind: str  # a class, whose keyword-only arguments are the parameters
    implied: Mapping[str, Any] = {}  # the parameters that the name stands for


def make(what: str, spec: str, known: Mapping[str, Known], params: Mapping[str, Any], *args: Any) -> Any:
    """The instance that `spec` and `params` name, called with `args` and its parameters; `what` it is, for errors.

    Raises CacheError for an unknown name, ParameterError for wrong parameters.
    """
    name, *pairs = spec.split(":")
    if name not in known:
        raise CacheError(f"unknown {what} {name!r}, {parameters.nearest(name, list(known))}")
    found = known[name]
    kind = getattr(importlib.import_module(found.module), found.kind)
    where = f"{what} {name!r}"
    given = {**found.implied, **parameters.parse_pairs(pairs, where), **params}
    return kind(*args, **parameters.check(kind.__init__, where, given))


def label(kind: type, name: str, **params: Any) -> str:
    """`name`, and behind it those of the parameters that are not the defaults of the class `kind`."""
    defaults = inspect.signature(kind).parameters
    return ":".join([name, *(f"{key}={value}" for key, value in params.items() if value != defaults[key].default)])
