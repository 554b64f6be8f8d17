"""Policies by name: the built-in ones, third-party ones by entry point, and anyone's by file path or module:object."""

from __future__ import annotations

import hashlib
import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

from kvreplay.parameters import ParameterError, check, nearest, parse_pairs

from .admission import FILTERS, compose, get_filter, split_filters
from .bind import fingerprint
from .errors import PolicyError
from .hooks import Hooks, hooks_of, load_file, load_object

ENTRY_POINTS = "kvreplay.policies"

_SGLANG = ("lru", "lfu", "fifo", "mru", "filo", "slru", "priority")

# name -> (module in this folder, parameters that the name stands for)
_BUILT_IN: dict[str, tuple[str, dict[str, Any]]] = {
    "2q": ("two_q", {}),
    "adaptive": ("adaptive", {}),
    "arc": ("arc", {}),
    "belady": ("belady", {}),
    "belady-bypass": ("belady_bypass", {}),
    "cacheus": ("cacheus", {}),
    "car": ("car", {}),
    "clock": ("clock", {}),
    "fifo": ("fifo", {}),
    "gdsf": ("gdsf", {}),
    "gittins": ("gittins", {}),
    "hyperbolic": ("hyperbolic", {}),
    "lecar": ("lecar", {}),
    "length-aware": ("length_aware", {}),
    "lfu": ("lfu", {}),
    "lfuda": ("lfuda", {}),
    "lhd": ("lhd", {}),
    "lirs": ("lirs", {}),
    "lru": ("lru", {}),
    "lru-k": ("lru_k", {}),
    "lru-k-no-history": ("lru_k", {"history": False}),
    "marconi": ("marconi", {}),
    "mru": ("mru", {}),
    "qd-lp-fifo": ("qd_lp_fifo", {}),
    "random": ("random", {}),
    "s3-fifo": ("s3_fifo", {}),
    **{f"sglang-{eviction}": ("sglang", {"eviction": eviction}) for eviction in _SGLANG},
    "sieve": ("sieve", {}),
    "slru": ("slru", {}),
    "vllm-frequency-cost": ("vllm_frequency_cost", {}),
    "vllm-queue-aware": ("vllm_queue_aware", {}),
    "vllm-lru": ("vllm_lru", {}),
    "vllm-lru@0.11": ("vllm_lru", {"version": "0.11"}),
    "w-tinylfu": ("w_tinylfu", {}),
    "w-tinylfu-80-20": ("w_tinylfu", {"recency": 0.2}),
    "w-tinylfu-climb": ("w_tinylfu_climb", {}),
    "workload-aware": ("workload_aware", {}),
}
_ALIASES = {
    "min": "belady",
    "opt": "belady",
    "s3fifo": "s3-fifo",
    "wtinylfu": "w-tinylfu",
    "rand": "random",
    "twoq": "2q",
    "lruk": "lru-k",
}


class Future(NamedTuple):
    """What an offline policy is told: the trace itself."""

    pages: Any  # (accesses,) uint32
    next_use: Any  # (accesses,) int64: when the page of each access comes next; accesses: never


class Requests(NamedTuple):
    """What a policy may look up about the requests, read-only. Request r makes accesses offsets[r] .. offsets[r+1] - 1.

    `now` only grows from request to request: a policy that keeps the number of the request in its state moves on in
    constant time on average.
    """

    offsets: Any  # (R+1,) int64
    pages: Any  # (accesses,) uint32: to look ahead of `now` is an assumption that the policy must state
    arrival: Any  # (R,) float64: seconds; the number of the request where the trace has no times
    prompt_tokens: Any  # (R,) int32; all zero where the trace does not say
    page_tokens: int  # tokens in a full page; 0 where the trace does not say
    category: Any  # (R,) int32: requests expected to behave alike, 0, 1, ...; -1: unknown


@dataclass(frozen=True)
class Policy:
    """A policy with its parameters, ready to run."""

    name: str
    hooks: Hooks
    params: Mapping[str, Any] = field(default_factory=dict)  # every parameter, defaults included
    given: Mapping[str, Any] = field(default_factory=dict)  # the ones that the user set
    unfiltered: Policy | None = None  # what stands behind the filter, where there is one

    @property
    def label(self) -> str:
        """The name and the parameters that were set, as `get` reads them: ``slru:segments=2+bloom:bits=8``."""
        if self.unfiltered is None:
            return _spec(self.name, self.given)
        name = self.name.rpartition("+")[2]
        own = {key.removeprefix(f"{name}."): value for key, value in self.given.items() if key.startswith(f"{name}.")}
        return f"{self.unfiltered.label}+{_spec(name, own)}"

    @property
    def needs(self) -> frozenset[str]:
        """What a replay must provide, such as "future" (an offline policy) or "seed"."""
        return self.hooks.needs

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over the code of every hook, all it reaches, and the parameters."""
        code = "".join(fingerprint(hook, {}) for hook in (self.hooks.init, *self.hooks.compiled.values()))
        return hashlib.sha256(f"{code}{sorted(self.params.items())}".encode()).hexdigest()[:16]

    def init(
        self,
        capacity: int,
        n_pages: int,
        *,
        seed: int = 0,
        future: Future | None = None,
        page_bytes: Any = None,
        page_cost: Any = None,
        byte_capacity: int | None = None,
        parent: Any = None,
        requests: Requests | None = None,
        queue: Any = None,
    ) -> Any:
        """A fresh state. Raises PolicyError where init() fails or returns no NamedTuple of arrays."""
        offered = {
            "seed": seed,
            "future": future,
            "page_bytes": page_bytes,
            "page_cost": page_cost,
            "byte_capacity": byte_capacity,
            "parent": parent,
            "requests": requests,
            "queue": queue,
        }
        extra = {name: offered[name] for name in self.needs}
        try:
            state = self.hooks.init(capacity, n_pages, **extra, **self.params)
        except (Exception, SystemExit) as error:
            where = self.hooks.blame(error)
            raise PolicyError(f"{where}init() failed: {type(error).__name__}: {error}") from error
        if not (isinstance(state, tuple) and hasattr(state, "_fields")):
            got = type(state).__name__
            raise PolicyError(f"{self.hooks.source}: init() returned {got}; return a NamedTuple of arrays")
        return state


def names() -> list[str]:
    """Every policy that `get` knows by name, without aliases."""
    return sorted({*_BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINTS))})


def find(name: str) -> Hooks:
    """The hooks behind a name, alias, path to a .py file, or ``module:object``, and maybe a filter: ``lru+tinylfu``.

    Raises PolicyError where there is no such policy or it does not keep the contract.
    """
    name, filters = split_filters(name)
    hooks = _find(_ALIASES.get(name, name))
    for spec in filters:
        hooks = compose(hooks, get_filter(spec))
    return hooks


def _find(name: str) -> Hooks:
    if name in _BUILT_IN:
        module = importlib.import_module(f"kvreplay.policies.{_BUILT_IN[name][0]}")
        return hooks_of(module, name, built_in=True)
    for point in entry_points(group=ENTRY_POINTS):
        if point.name == name:
            try:
                return hooks_of(point.load(), f"{name} ({point.value})")
            except ImportError as error:
                raise PolicyError(f"policy {name!r} from {point.value} does not load: {error}") from error
    if name.endswith(".py") or os.sep in name:
        return hooks_of(load_file(Path(name)), name)
    if ":" in name:
        return hooks_of(load_object(name), name)
    if name in ("", *FILTERS):
        raise PolicyError("an admission filter alone evicts nothing; write a policy before it, as in lru+tinylfu")
    raise PolicyError(f"unknown policy {name!r}, {nearest(name, names())}")


def get(spec: Any, **params: Any) -> Policy:
    """A policy by spec: what `find` takes, with parameters behind it (``lfu:key=value:key=value``), or an object.

    Keyword arguments are parameters of the policy too. Raises PolicyError for an unknown policy, filter or parameter.
    """
    if isinstance(spec, Policy):
        return spec
    filters: list[str] = []
    if isinstance(spec, str):
        spec, filters = split_filters(spec)
        parts = spec.split(":")
        pairs = [part for part in parts if "=" in part]
        name = ":".join(part for part in parts if "=" not in part)
        name = _ALIASES.get(name, name)
        hooks = find(name)
    else:
        pairs, name = [], getattr(spec, "__name__", type(spec).__name__)
        hooks = hooks_of(spec, name)
    implied = _BUILT_IN[name][1] if hooks.built_in else {}
    try:
        given = parse_pairs(pairs, f"policy {name!r}") | params
        checked = check(hooks.init, f"policy {name!r}", implied | given)
    except ParameterError as error:
        raise PolicyError(str(error)) from None
    policy = Policy(name, hooks, checked, {key: checked[key] for key in given})
    for filter in filters:
        policy = filtered(policy, filter)
    return policy


def filtered(policy: Any, spec: str) -> Policy:
    """`policy`, anything that `get` takes, behind the admission filter that `spec` names: ``bloom:bits=8``.

    The parameters of the filter go by names such as ``bloom.bits``. Raises PolicyError for an unknown filter or
    parameter, and where the two make no sense together.
    """
    policy, filter = get(policy), get_filter(spec)
    params, given = ({f"{filter.name}.{key}": own[key] for key in own} for own in (filter.params, filter.given))
    return Policy(
        name=f"{policy.name}+{filter.name}",
        hooks=compose(policy.hooks, filter),
        params={**policy.params, **params},
        given={**policy.given, **given},
        unfiltered=policy,
    )


def _spec(name: str, given: Mapping[str, Any]) -> str:
    return ":".join([name, *(f"{key}={value}" for key, value in sorted(given.items()))])
