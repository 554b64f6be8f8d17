"""A policy's functions: found on a module or object, in a file or by import, and held to the contract."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from .errors import PolicyError

# What init() may ask for besides capacity and n_pages, by the name of a positional argument.
NEEDS = ("future", "seed", "page_bytes", "page_cost", "byte_capacity", "parent", "requests", "queue")

_AROUND = {"init": ["capacity", "n_pages"], "stats": ["state"]}
_BY_PAGE = {
    "on_hit": ["state", "page", "now"],
    "on_insert": ["state", "page", "now"],
    "evict": ["state", "now"],
    "admit": ["state", "page", "now"],
}
_BY_REQUEST = {"serve": ["state", "pages", "request"]}
_OPTIONAL = ("admit", "stats")


@dataclass(frozen=True)
class Hooks:
    """A policy's functions, as the contract in `kvreplay.policies` names them."""

    source: str
    init: Callable[..., Any]
    compiled: Mapping[str, Callable[..., Any]]  # the hooks that run inside the loop, by the names it calls them
    stats: Callable[..., dict[str, Any]] | None
    needs: frozenset[str]  # what init() must be given besides capacity and n_pages: those of NEEDS that it names
    sized: bool  # whether it may be used where pages differ in size
    scales: bool  # whether a small cache on a sample of the pages behaves like the whole
    sized_only: bool  # whether it makes no sense elsewhere
    admission: bool  # whether it decides itself who enters, so that no filter goes in front of it
    reading: str | None  # the only reading that it works in: "prefix"; None: any
    built_in: bool
    importable: bool  # whether another process finds the same functions: only then is machine code kept on disk

    @property
    def by_request(self) -> bool:
        """Whether the policy is a whole prefix cache, which decides by request: `serve` in place of `evict`."""
        return "serve" in self.compiled

    @property
    def resizable(self) -> bool:
        """Whether only who drives the policy knows the capacity, so that it may change: no queue or sketch is made for
        it, and init() may be told of room for every page."""
        return self.sized and "byte_capacity" not in self.needs

    @property
    def decide(self) -> Callable[..., Any]:
        """The hook that says what leaves: evict() or serve()."""
        return self.compiled["serve" if self.by_request else "evict"]

    @property
    def decide_code(self) -> CodeType:
        """Where `decide` was written, also where it was wrapped."""
        return inspect.unwrap(self.decide).__code__

    def blame(self, error: BaseException) -> str:
        """``file:line: `` of the policy's own code nearest to where `error` was raised, or nothing."""
        return _where(error, self.decide_code.co_filename)


def hooks_of(owner: Any, source: str, *, built_in: bool = False) -> Hooks:
    """The hooks that `owner`, a module or any object, has. Raises PolicyError where they break the contract."""
    by_request = hasattr(owner, "serve")
    if by_request and hasattr(owner, "evict"):
        raise PolicyError(f"{source}: defines serve() and evict(); a policy decides by request or by page, keep one")
    loop_hooks = _BY_REQUEST if by_request else _BY_PAGE
    found: dict[str, Any] = {}
    for hook, arguments in (_AROUND | loop_hooks).items():
        function = getattr(owner, hook, None)
        function = getattr(function, "py_func", function)  # jitted already: its source is what is compiled
        if function is not None:
            if not isinstance(function, FunctionType):
                raise PolicyError(f"{source}: {hook} is a {type(function).__name__}; write a plain function")
            _check_arguments(function, hook, arguments)
            found[hook] = function
        elif hook not in _OPTIONAL:
            raise PolicyError(f"{source}: defines no {hook}({', '.join(arguments)}); a policy needs it")
    unknown = [name for name in _positional(found["init"])[2:] if name not in NEEDS]
    if unknown:
        raise PolicyError(
            f"{source}: init() asks for {unknown[0]!r}; known: {', '.join(NEEDS)}, and parameters go behind a *"
        )
    reading = getattr(owner, "READING", "prefix" if by_request else None)
    if reading not in (None, "prefix"):
        raise PolicyError(f'{source}: READING is {reading!r}; write "prefix", or leave it out')
    if not by_request:
        found.setdefault("admit", _admit_all)
    return Hooks(
        source=source,
        init=found["init"],
        compiled={name: found[name] for name in loop_hooks},
        stats=found.get("stats"),
        needs=needs_of(found["init"]),
        sized=getattr(owner, "SIZED", False),
        scales=getattr(owner, "SCALES", True),
        sized_only=False,
        admission=getattr(owner, "ADMISSION", False),
        reading=reading,
        built_in=built_in,
        importable=isinstance(owner, ModuleType) and owner.__name__ != "__main__",
    )


def needs_of(init: Callable[..., Any]) -> frozenset[str]:
    """What `init` must be given besides capacity and n_pages: those of NEEDS that it names."""
    return frozenset(name for name in _positional(init) if name in NEEDS)


def load_file(path: Path) -> ModuleType:
    """The module in a .py file, under a name of its own for every path and content.

    An edited file is another module, so that its machine code is never mistaken for the former one's. Raises
    PolicyError naming the line that fails.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        raise PolicyError(f"{path}: cannot be read: {error.strerror}") from error
    digest = hashlib.sha256(str(path.resolve()).encode() + source).hexdigest()[:16]
    stem = re.sub(r"\W", "_", path.stem)  # a dot would make it a module of a package
    name = f"kvreplay_policy_{stem}_{digest}"
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
        raise PolicyError(f"{path}:{error.lineno or 1}: {error.msg}") from None
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise PolicyError(f"{_where(error, str(path))}{type(error).__name__}: {error}") from None
    return module


def load_object(name: str) -> Any:
    """What ``module:object`` names. Raises PolicyError where it cannot be imported."""
    module, _, attribute = name.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise PolicyError(f"policy {name!r} does not load: {error}; write module:object") from error


def _check_arguments(function: Any, hook: str, arguments: list[str]) -> None:
    given = _positional(function)
    if given[: len(arguments)] != arguments or (hook != "init" and len(given) > len(arguments)):
        code = function.__code__
        is_, should = f"{hook}({', '.join(given)})", f"{hook}({', '.join(arguments)})"
        raise PolicyError(f"{code.co_filename}:{code.co_firstlineno}: {is_} should be {should}")


def _positional(function: Callable[..., Any]) -> list[str]:
    arguments = inspect.signature(function).parameters.values()
    return [argument.name for argument in arguments if argument.kind is argument.POSITIONAL_OR_KEYWORD]


def _where(error: BaseException, file: str) -> str:
    lines = [line for frame, line in traceback.walk_tb(error.__traceback__) if frame.f_code.co_filename == file]
    return f"{file}:{lines[-1]}: " if lines else ""


def _admit_all(state, page, now):
    return True
