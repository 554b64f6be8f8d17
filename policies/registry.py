"""Policies by name: the built-in ones, third-party ones by entry point, and anyone's by file path or module:object."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from kvreplay.parameters import ParameterError, check, nearest

from .errors import PolicyError

ENTRY_POINTS = "kvreplay.policies"

# name -> (module in this folder, parameters that the name stands for)
_BUILT_IN: dict[str, tuple[str, dict[str, Any]]] = {
    "adaptive": ("adaptive", {}),
    "belady": ("belady", {}),
    "fifo": ("fifo", {}),
    "lfu": ("lfu", {}),
    "lru": ("lru", {}),
    "random": ("random", {}),
    "s3-fifo": ("s3_fifo", {}),
    "sieve": ("sieve", {}),
    "w-tinylfu": ("w_tinylfu", {}),
    "w-tinylfu-80-20": ("w_tinylfu", {"recency": 0.2}),
}
_ALIASES = {"min": "belady", "opt": "belady", "s3fifo": "s3-fifo", "wtinylfu": "w-tinylfu", "rand": "random"}

# What init() may ask for besides capacity and n_pages, by the name of a positional argument.
_NEEDS = ("future", "seed")


class Future(NamedTuple):
    """What an offline policy is told: the trace itself."""

    pages: Any  # (accesses,) uint32
    next_use: Any  # (accesses,) int64: when the page of each access comes next; accesses: never


@dataclass(frozen=True)
class Hooks:
    """A policy's functions, as the contract in `kvreplay.policies` names them."""

    source: str
    init: Callable[..., Any]
    on_hit: Callable[..., None]
    on_insert: Callable[..., None]
    evict: Callable[..., int]
    admit: Callable[..., bool]
    stats: Callable[..., dict[str, Any]] | None
    sized: bool  # whether it may be used where pages differ in size
    built_in: bool
    importable: bool  # whether another process finds the same functions: only then is machine code kept on disk

    @property
    def compiled(self) -> dict[str, Callable[..., Any]]:
        """The hooks that run inside the loop, by the names it calls them."""
        return {"on_hit": self.on_hit, "on_insert": self.on_insert, "evict": self.evict, "admit": self.admit}

    @property
    def needs(self) -> frozenset[str]:
        return frozenset(name for name in inspect.signature(self.init).parameters if name in _NEEDS)


@dataclass(frozen=True)
class Policy:
    """A policy with its parameters, ready to run."""

    name: str
    hooks: Hooks
    params: Mapping[str, Any] = field(default_factory=dict)  # every parameter, defaults included
    given: Mapping[str, Any] = field(default_factory=dict)  # the ones that the user set

    @property
    def label(self) -> str:
        """The name and the parameters that were set, as `get` reads them: ``w-tinylfu:window=0.1``."""
        return ":".join([self.name, *(f"{key}={value}" for key, value in sorted(self.given.items()))])

    @property
    def needs(self) -> frozenset[str]:
        return self.hooks.needs

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits over the code of every hook, all it reaches, and the parameters."""
        from .bind import fingerprint

        code = "".join(fingerprint(hook, {}) for hook in (self.hooks.init, *self.hooks.compiled.values()))
        return hashlib.sha256(f"{code}{sorted(self.params.items())}".encode()).hexdigest()[:16]

    def init(self, capacity: int, n_pages: int, *, seed: int = 0, future: Future | None = None) -> Any:
        """A fresh state. Raises PolicyError where init() fails or returns no NamedTuple of arrays."""
        offered = {"seed": seed, "future": future}
        extra = {name: offered[name] for name in self.needs}
        try:
            state = self.hooks.init(capacity, n_pages, **extra, **self.params)
        except Exception as error:
            raise PolicyError(f"{blame(error, self.hooks)}init() failed: {type(error).__name__}: {error}") from error
        if not (isinstance(state, tuple) and hasattr(state, "_fields")):
            raise PolicyError(
                f"{self.hooks.source}: init() returned {type(state).__name__}; return a NamedTuple of arrays"
            )
        return state


def names() -> list[str]:
    """Every policy that `get` knows by name, without aliases."""
    return sorted({*_BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINTS))})


def find(name: Any) -> Hooks:
    """The hooks behind a name, alias, path to a .py file, ``module:object``, or an object that has them.

    Raises PolicyError where there is no such policy or it does not keep the contract.
    """
    if not isinstance(name, str):
        return _hooks(name, getattr(name, "__name__", type(name).__name__), importable=False)
    name = _ALIASES.get(name, name)
    if name in _BUILT_IN:
        module = importlib.import_module(f"kvreplay.policies.{_BUILT_IN[name][0]}")
        return _hooks(module, name, built_in=True)
    for point in entry_points(group=ENTRY_POINTS):
        if point.name == name:
            try:
                return _hooks(point.load(), f"{name} ({point.value})")
            except ImportError as error:
                raise PolicyError(f"policy {name!r} from {point.value} does not load: {error}") from error
    if name.endswith(".py") or os.sep in name:
        return _hooks(_load_file(Path(name)), name)
    if ":" in name:
        return _hooks(_load_object(name), name)
    raise PolicyError(f"unknown policy {name!r}, {nearest(name, [*names(), *_ALIASES])}")


def get(spec: Any, **params: Any) -> Policy:
    """A policy by spec: what `find` takes, or a name with parameters behind it, ``lfu:key=value:key=value``.

    Keyword arguments are parameters too. Raises PolicyError for an unknown policy or parameter.
    """
    if isinstance(spec, Policy):
        return spec
    name, given = (
        _split(spec) if isinstance(spec, str) else (getattr(spec, "NAME", getattr(spec, "__name__", "policy")), {})
    )
    given |= params
    if isinstance(spec, str):
        name = _ALIASES.get(name, name)
        hooks = find(name)
    else:
        hooks = find(spec)
    implied = _BUILT_IN[name][1] if name in _BUILT_IN else {}
    try:
        checked = check(hooks.init, f"policy {name!r}", implied | given)
    except ParameterError as error:
        raise PolicyError(str(error)) from None
    return Policy(name, hooks, checked, {key: checked[key] for key in given})


def blame(error: BaseException, hooks: Hooks) -> str:
    """``file:line: `` of the policy's own code nearest to where `error` was raised, or nothing."""
    return _where(error, hooks.evict.__code__.co_filename)


def _where(error: BaseException, file: str) -> str:
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == file]
    return f"{file}:{lines[-1]}: " if lines else ""


def _split(spec: str) -> tuple[str, dict[str, Any]]:
    import yaml

    name, *rest = spec.split(":")
    given: dict[str, Any] = {}
    for part in rest:
        key, equals, value = part.partition("=")
        if equals:
            given[key] = yaml.safe_load(value)
        elif given:
            raise PolicyError(f"policy {spec!r}: {part!r} is no parameter; write name:key=value")
        else:
            name += f":{part}"
    return name, given


def _load_file(path: Path) -> ModuleType:
    try:
        source = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}") from error
    # Under path and content, so that an edited file is another module and its machine code never mistaken.
    digest = hashlib.sha256(str(path.resolve()).encode() + source).hexdigest()[:16]
    name = f"kvreplay_policy_{path.stem}_{digest}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PolicyError(f"{path}: is no Python file; its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        exec(compile(source, str(path), "exec"), module.__dict__)
    except SyntaxError as error:
        del sys.modules[name]
        raise PolicyError(f"{path}:{error.lineno}: {error.msg}") from None
    except Exception as error:
        del sys.modules[name]
        raise PolicyError(f"{_where(error, str(path))}{type(error).__name__}: {error}") from None
    return module


def _load_object(name: str) -> Any:
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise PolicyError(f"policy {name!r} does not load: {error}; write module:object") from error


def _hooks(owner: Any, source: str, *, built_in: bool = False, importable: bool = True) -> Hooks:
    found = {}
    for hook, arguments in _CONTRACT.items():
        function = getattr(owner, hook, None)
        if function is None:
            if hook in _OPTIONAL:
                continue
            raise PolicyError(f"{source}: defines no {hook}({', '.join(arguments)}); a policy needs it")
        given = [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        if given[: len(arguments)] != arguments or (hook != "init" and len(given) > len(arguments)):
            code = function.__code__
            is_, should = f"{hook}({', '.join(given)})", f"{hook}({', '.join(arguments)})"
            raise PolicyError(f"{code.co_filename}:{code.co_firstlineno}: {is_} should be {should}")
        found[hook] = function
    unknown = [name for name in inspect.signature(found["init"]).parameters.values() if _is_unknown_need(name)]
    if unknown:
        raise PolicyError(
            f"{source}: init() asks for {unknown[0].name!r}; known: {', '.join(_NEEDS)}, and parameters go behind a *"
        )
    importable = importable and getattr(found["evict"], "__module__", "__main__") != "__main__"
    return Hooks(
        source=source,
        init=found["init"],
        on_hit=found["on_hit"],
        on_insert=found["on_insert"],
        evict=found["evict"],
        admit=found.get("admit", _admit_all),
        stats=found.get("stats"),
        sized=getattr(owner, "SIZED", False),
        built_in=built_in,
        importable=importable,
    )


_CONTRACT = {
    "init": ["capacity", "n_pages"],
    "on_hit": ["state", "page", "now"],
    "on_insert": ["state", "page", "now"],
    "evict": ["state", "now"],
    "admit": ["state", "page", "now"],
    "stats": ["state"],
}
_OPTIONAL = ("admit", "stats")


def _admit_all(state, page, now):
    return True


def _is_unknown_need(argument: inspect.Parameter) -> bool:
    return argument.kind is argument.POSITIONAL_OR_KEYWORD and argument.name not in (
        "capacity",
        "n_pages",
        *_NEEDS,
    )
