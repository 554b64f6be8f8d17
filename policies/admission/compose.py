"""Makes one policy of a policy and a filter."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from types import FunctionType, ModuleType
from typing import Any

from kvreplay.parameters import ParameterError, check, nearest, parse_pairs

from ..errors import PolicyError
from ..hooks import Hooks, needs_of
from . import composed

FILTERS = ("adaptsize", "bloom", "probabilistic", "tinylfu")

# A + that a filter's name follows, and then its parameters, another filter or nothing: not that of 1e+5 or of c++/.
_BEFORE_FILTER = re.compile(r"\+(?=[A-Za-z][\w-]*(?:[:+]|$))")


@dataclasses.dataclass(frozen=True)
class Filter:
    """A filter with its parameters."""

    name: str
    module: ModuleType
    params: Mapping[str, Any]  # every parameter, defaults included
    given: Mapping[str, Any]  # the ones that the user set


def split_filters(spec: str) -> tuple[str, list[str]]:
    """A spec ``slru:segments=2+bloom:bits=8`` as that of the policy and those of the filters behind it."""
    policy, *filters = _BEFORE_FILTER.split(spec)
    return policy, filters


def get_filter(spec: str) -> Filter:
    """A filter by name, with parameters behind it: ``bloom:bits=8``.

    Raises PolicyError for an unknown filter or parameter.
    """
    name, *pairs = spec.split(":")
    if name not in FILTERS:
        raise PolicyError(f"unknown admission filter {name!r}, {nearest(name, list(FILTERS))}")
    module = importlib.import_module(f"{__package__}.{name}")
    try:
        given = parse_pairs(pairs, f"filter {name!r}")
        params = check(module.init, f"filter {name!r}", given)
    except ParameterError as error:
        raise PolicyError(str(error)) from None
    return Filter(name, module, params, {key: params[key] for key in given})


def compose(policy: Hooks, filter: Filter) -> Hooks:
    """The hooks of `policy` with `filter` in front; init() takes the filter's parameters by names like ``bloom.bits``.

    Raises PolicyError where the two make no sense together.
    """
    module = filter.module
    sized_only = getattr(module, "SIZED_ONLY", False)
    refusal = _refusal(policy, filter.name, sized_only)
    if refusal:
        raise PolicyError(f"{policy.source}+{filter.name}: {refusal}")
    against = "victim" in inspect.signature(module.admit).parameters
    parts = {f"policy_{name}": hook for name, hook in policy.compiled.items()} | {
        "policy_init": policy.init,
        "filter_init": module.init,
        "filter_admit_against" if against else "filter_admit": module.admit,
        "PREFIX": f"{filter.name}.",
        "POLICY_NEEDS": tuple(sorted(policy.needs)),
        "FILTER_NEEDS": tuple(sorted(needs_of(module.init))),
        "LISTENS": hasattr(module, "on_access"),
    }
    if parts["LISTENS"]:
        parts["filter_on_access"] = module.on_access
    scope = {**vars(composed), **parts}
    for name, function in vars(composed).items():
        if isinstance(function, FunctionType) and name not in parts:
            scope[name] = FunctionType(function.__code__, scope, name)

    def wrapped(name: str, hook: Callable[..., Any]) -> Any:
        # As the policy's own: mistakes are blamed on its file, and machine code is kept by its module.
        return functools.update_wrapper(scope[name], hook)

    own = {"admit": "admit_against"} if against else {}
    return dataclasses.replace(
        policy,
        source=f"{policy.source}+{filter.name}",
        init=wrapped("init", policy.init),
        compiled={name: wrapped(own.get(name, name), hook) for name, hook in policy.compiled.items()},
        stats=_stats(policy, filter),
        needs=policy.needs | needs_of(module.init),
        sized_only=sized_only,
        admission=True,
    )


def _refusal(policy: Hooks, filter: str, sized_only: bool) -> str | None:
    """Why no filter, or not this one, goes in front of `policy`, and what to do instead."""
    if "future" in policy.needs:
        return f"{policy.source} knows the future and needs no guess at who is worth a place; leave {filter} out"
    if policy.by_request:
        return f"{policy.source} decides by request, and would not ask a filter about a page; leave {filter} out"
    if policy.admission:
        return (
            f"{policy.source} decides already who enters; leave {filter} out, or put it in front of a policy that lets "
            "everything in, such as lru"
        )
    if sized_only and not policy.sized:
        return (
            f"{filter} judges by size, and {policy.source} counts in pages of one size; use a policy for pages that "
            "differ in size, such as lru"
        )
    return None


def _stats(policy: Hooks, filter: Filter) -> Callable[..., dict[str, Any]] | None:
    """The policy's figures, and the filter's under its name."""
    of_policy, of_filter = policy.stats, getattr(filter.module, "stats", None)
    if of_filter is None:
        return None if of_policy is None else lambda state: of_policy(state.policy)
    return lambda state: (of_policy(state.policy) if of_policy else {}) | {filter.name: of_filter(state.filter)}
