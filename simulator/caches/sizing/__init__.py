"""Capacities that move with what is observed: one file per controller, found by name, and what they share.

A controller of one cache is a function of the capacity at the start and of what each page takes of it, and returns an
object as `Controller` has it. One that divides a budget among several is a function of the budget, of their number, and
of what the pages of each take, and returns a `Divider`. Its keyword-only arguments are its parameters. Either only says
how much; who leaves is the policy's business.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from kvreplay import policies
from kvreplay.parameters import ParameterError, check, nearest, parse_pairs
from kvreplay.policies import Policy

from ..errors import CacheError

# Each is a module of this folder, holding a function of the same name.
_CONTROLLERS = {"hit-ratio": "hit_ratio", "marginal-gain": "marginal_gain"}
_DIVIDERS = {"marginal-shares": "marginal_shares", "shares": "shares"}
_MODULES = _CONTROLLERS | _DIVIDERS


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


class Divider(Protocol):
    """What divides the capacity of several caches, the parts 0, 1, ..."""

    period: int  # requests, to all of them, between decisions
    capacities: list[int]  # the present division, at least 1 each
    hit_ratios: list[float]  # of the accesses to each, as far as known, those that should hit
    output_weight: float  # what a token of an answer is worth, one of a prompt being worth 1

    def observe(self, part: int, pages: np.ndarray, worth: float) -> None:
        """Look at the next accesses to `part`: `pages` (n,) uint32, and what it would bring if all of them hit."""
        ...

    def decide(self) -> list[int]:
        """The division that should follow, which is `capacities` from now on."""
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

    @property
    def divides(self) -> bool:
        """Whether it divides a budget, in place of moving one capacity."""
        return self.name in _DIVIDERS

    def start(self, capacity: int, weights: np.ndarray | None = None) -> Controller:
        """A controller of a cache that starts with `capacity`: pages, or the unit of `weights`, (n_pages,) int64."""
        return find(self.name)(capacity, weights, **self.params)

    def start_division(self, capacity: int, parts: int, weights: Sequence[np.ndarray] | None = None) -> Divider:
        """A divider of `capacity` among `parts` caches. Raises SizingError where there are too many."""
        return find(self.name)(capacity, parts, weights, **self.params)


def names() -> list[str]:
    """The controllers there are."""
    return list(_MODULES)


def find(name: str) -> Callable[..., Any]:
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
    if not isinstance(spec, str):
        raise SizingError(f"sizing {spec!r}: is no name; use one of {', '.join(names())}")
    name, *pairs = spec.split(":")
    function = find(name)
    try:
        given = parse_pairs(pairs, f"sizing {name!r}") | params
        checked = check(function, f"sizing {name!r}", given)
    except ParameterError as error:
        raise SizingError(str(error)) from None
    sizing = Sizing(name, checked, {key: checked[key] for key in given})
    if not sizing.divides:
        sizing.start(1)
    return sizing


def check_resizable(policy: Policy) -> None:
    """Raise SizingError where the capacity of `policy` cannot move: it has queues or sketches made for one."""
    if not policy.hooks.resizable:
        able = [name for name in policies.names() if policies.get(name).hooks.resizable]
        raise SizingError(f"policy {policy.label} is built for one capacity; to resize, use one of {', '.join(able)}")


def split(capacity: int, shares: Sequence[float] | np.ndarray) -> list[int]:
    """`capacity` in proportion to `shares`, at least 1 each. Raises SizingError where there is less than 1 for each."""
    if capacity < len(shares):
        raise SizingError(f"capacity {capacity} for {len(shares)} caches; use at least as much as there are caches")
    spare = capacity - len(shares)
    edges = np.rint(np.cumsum(shares) / np.sum(shares) * spare).astype(np.int64)
    return (np.diff(edges, prepend=0) + 1).tolist()
