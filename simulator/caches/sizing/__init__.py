"""Capacities that move with what is observed: one file per controller, found by name, and what they share.

A controller is a function of the capacity at the start and of what each page takes of it, whose keyword-only arguments
are its parameters, and returns an object as `Controller` has it. It only says how much; who leaves is the policy's
business.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from kvreplay.parameters import ParameterError, check, nearest, parse_pairs

from ..errors import CacheError

# Each is a module of this folder, holding a function of the same name.
_MODULES = {"hit-ratio": "hit_ratio", "marginal-gain": "marginal_gain"}


class SizingError(CacheError):
    """A controller is unknown, or its parameters make no sense."""


class Controller(Protocol):
    """What moves the capacity of one cache."""

    period: int  # requests between decisions

    def observe(self, pages: np.ndarray, hit: np.ndarray) -> None:
        """Look at the next accesses: `pages` (n,) uint32, and `hit` (n,) uint8, whether each was a hit."""
        ...

    def decide(self, capacity: int) -> int:
        """The capacity, at least 1, that should follow `capacity`, in the same unit."""
        ...


@dataclass
class Resizes:
    """How a capacity moved."""

    changes: int = 0
    reversals: int = 0  # changes in the other direction than the one before
    _grew: bool | None = field(default=None, repr=False)

    def note(self, before: int, after: int) -> None:
        """`before` gave way to `after`, which may be the same."""
        if after == before:
            return
        grows = after > before
        self.changes += 1
        self.reversals += self._grew is not None and grows != self._grew
        self._grew = grows


@dataclass(frozen=True)
class Sizing:
    """A controller with its parameters, ready to start."""

    name: str
    params: Mapping[str, Any]  # every parameter, defaults included
    given: Mapping[str, Any]  # the ones that the user set

    @property
    def label(self) -> str:
        """The name and the parameters that were set, as `get` reads them: ``hit-ratio:low=0.4``."""
        return ":".join([self.name, *(f"{key}={value}" for key, value in sorted(self.given.items()))])

    def start(self, capacity: int, weights: np.ndarray | None = None) -> Controller:
        """A controller of a cache that starts with `capacity`: pages, or the unit of `weights`, (n_pages,) int64."""
        return find(self.name)(capacity, weights, **self.params)


def names() -> list[str]:
    """The controllers there are."""
    return list(_MODULES)


def find(name: str) -> Callable[..., Controller]:
    """The function behind a name. Raises SizingError, with the nearest name, where there is none."""
    if name not in _MODULES:
        raise SizingError(f"unknown sizing {name!r}, {nearest(name, names())}")
    module = _MODULES[name]
    return getattr(importlib.import_module(f".{module}", __package__), module)


def get(spec: str | Sizing, **params: Any) -> Sizing:
    """A controller by name, with parameters behind it (``hit-ratio:low=0.4:high=0.6``) or as keyword arguments.

    Raises SizingError for an unknown controller or parameter, and for parameters that make no sense together.
    """
    if isinstance(spec, Sizing):
        return spec
    name, *pairs = spec.split(":")
    function = find(name)
    try:
        given = parse_pairs(pairs, f"sizing {name!r}") | params
        checked = check(function, f"sizing {name!r}", given)
    except ParameterError as error:
        raise SizingError(str(error)) from None
    sizing = Sizing(name, checked, {key: checked[key] for key in given})
    sizing.start(1)
    return sizing
