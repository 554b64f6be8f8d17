"""Binds a policy to a loop: clones the loop, the hooks and every helper they reach into one namespace, and compiles it.

The loop is ordinary Python that calls the hooks by their names. Compiled as one unit everything inlines, so a policy
written outside the project runs as fast as a built-in one; uncompiled, the same source is debugger and reference.
"""

from __future__ import annotations

import builtins
import functools
import hashlib
import inspect
import re
import types
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .errors import PolicyError

Function = Any  # a plain Python function: to type checkers a Callable has no __code__

# nogil: capacities run on threads. _nrt=False: no reference counting, which costs up to 10 x in policies of many
# arrays; it also turns an allocation inside a hook into a compile error. forceinline: a state passed by value to a
# helper that is not inlined is copied whole at every call.
_LOOP_OPTIONS: dict[str, Any] = {"nogil": True, "_nrt": False}
_HOOK_OPTIONS: dict[str, Any] = {**_LOOP_OPTIONS, "forceinline": True}


def bind(
    loop: Function,
    hooks: Mapping[str, Callable[..., Any]],
    *,
    compiled: bool,
    checked: bool = False,
    cache: bool = True,
) -> Any:
    """`loop` with its free names (on_hit, evict, ...) bound to `hooks`.

    `compiled=False` gives plain Python; `checked` compiles with array bounds checked. `cache=False` keeps the machine
    code out of the disk cache: needed for policies that later processes cannot import, such as a notebook's. Raises
    PolicyError where the policy does not compile, naming its file and line, when the result is first called; later
    calls must pass the same types.
    """
    if not compiled:
        return _clone(loop, hooks, lambda function, _: function)
    # The module counts as well: cached machine code refers to the State class by the module it was imported from.
    modules = sorted(hook.__module__ for hook in hooks.values())
    key = hashlib.sha256(f"{fingerprint(loop, hooks)}{modules}{checked}".encode()).hexdigest()[:16]
    bound = _jit_clone(loop, _Hooks(hooks), key, checked, cache)

    entry: Callable[..., Any] | None = None

    def run(*args: Any) -> Any:
        nonlocal entry
        if entry is None:
            entry = bound.entry(args, hooks)
        try:
            return entry(*args)
        except Exception as error:
            file = inspect.unwrap(hooks["serve" if "serve" in hooks else "evict"]).__code__.co_filename
            mend = "replay with compiled=False to see the line"
            raise PolicyError(f"{file}: {type(error).__name__} in a hook: {error}; {mend}") from error

    return run


class _Bound:
    """A loop and hooks in one namespace, and its machine code by the types of the arguments."""

    def __init__(self, dispatcher: Any) -> None:
        self.dispatcher = dispatcher
        self._entries: dict[Any, Callable[..., Any]] = {}

    def entry(self, args: tuple[Any, ...], hooks: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
        """The machine code for arguments of these types, without numba's dispatch in front of it.

        The dispatcher tells argument types by a fingerprint that two State classes of one name and shape share, and
        takes 60 us a call for the second of them.
        """
        kind = _kind(args)
        if kind not in self._entries:
            self._entries[kind] = self._compile(args, hooks)
        return self._entries[kind]

    def _compile(self, args: tuple[Any, ...], hooks: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
        from numba import typeof
        from numba.core.errors import NumbaError

        try:
            return self.dispatcher.compile(tuple(typeof(argument) for argument in args))
        except NumbaError as error:
            raise PolicyError(_explain(error, hooks)) from error


def _kind(value: Any) -> Any:
    """What numba types a value by, told in a tenth of its time."""
    if isinstance(value, tuple):
        return type(value), *map(_kind, value)
    if isinstance(value, np.ndarray):
        flags = value.flags
        return value.dtype, value.ndim, flags.writeable, flags.c_contiguous, flags.f_contiguous, flags.aligned
    return type(value)


def fingerprint(loop: Function, hooks: Mapping[str, Callable[..., Any]]) -> str:
    """16 hex digits over the code, constants and options of the loop, the hooks and everything they reach."""
    digest = hashlib.sha256(repr((_LOOP_OPTIONS, _HOOK_OPTIONS)).encode())
    seen: set[Function] = set()

    def add(function: Function) -> None:
        if function in seen:
            return
        seen.add(function)
        digest.update(_told_code(function.__code__, function.__doc__))
        digest.update(repr((function.__defaults__, function.__kwdefaults__)).encode())
        for name, value in _reached(function, loop, hooks):
            digest.update(f"{name}={_told(value)}".encode())
            if isinstance(value, types.FunctionType):
                add(value)

    add(loop)
    return digest.hexdigest()[:16]


def _told(value: Any) -> str:
    """A global as the fingerprint sees it: the same wherever the project is installed."""
    if isinstance(value, types.FunctionType):
        return "function"  # its code is digested by itself
    return value.__name__ if isinstance(value, types.ModuleType | type) else repr(value)


class _Hooks(dict):
    """Hooks as a hashable mapping, for the cache of bound loops."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(sorted(self.items(), key=lambda item: item[0])))


@functools.lru_cache(maxsize=256)
def _jit_clone(loop: Function, hooks: _Hooks, key: str, checked: bool, cache: bool) -> _Bound:
    from numba import njit

    from kvreplay.jit import jit

    def compile_one(function: Function, is_loop: bool) -> Any:
        # numba's disk cache goes by the name alone: equal names of two policies would give one's hits for the other.
        function.__qualname__ = f"{function.__qualname__}_{key}"
        options = (_LOOP_OPTIONS if is_loop else _HOOK_OPTIONS) | {"boundscheck": checked}
        return jit(function, **options) if is_loop and cache else njit(**options)(function)

    return _Bound(_clone(loop, hooks, compile_one))


def _clone(
    loop: Function,
    hooks: Mapping[str, Callable[..., Any]],
    finish: Callable[[Function, bool], Any],
) -> Any:
    clones: dict[Function, Any] = {}

    def clone(function: Function) -> Any:
        if function not in clones:
            namespace = {"__builtins__": builtins, "__name__": function.__module__}
            copy = types.FunctionType(
                function.__code__, namespace, function.__name__, function.__defaults__, function.__closure__
            )
            copy.__module__ = function.__module__
            copy.__qualname__ = function.__qualname__
            clones[function] = finish(copy, function is loop)
            for name, value in _reached(function, loop, hooks):
                namespace[name] = clone(value) if isinstance(value, types.FunctionType) else value
        return clones[function]

    return clone(loop)


def _reached(function: Function, loop: Function, hooks: Mapping[str, Callable[..., Any]]) -> list[tuple[str, Any]]:
    """The globals that `function`'s code mentions, by name; in the loop's own module hooks replace the blanks."""
    blanks = hooks if function.__globals__ is loop.__globals__ else {}
    found = {}
    for name in _global_names(function.__code__):
        if name in blanks:
            found[name] = blanks[name]
        elif name in function.__globals__:
            value = function.__globals__[name]
            found[name] = getattr(value, "py_func", value)  # a helper that is jitted already is taken as its source
    return sorted(found.items())


@functools.lru_cache(maxsize=4096)
def _global_names(code: types.CodeType) -> frozenset[str]:
    constants = (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
    return frozenset(code.co_names).union(*map(_global_names, constants))


@functools.lru_cache(maxsize=4096)
def _told_code(code: types.CodeType, doc: str | None) -> bytes:
    """A function's code, but for its docstring, as the fingerprint sees it."""
    told = [code.co_code, repr((code.co_names, code.co_varnames, code.co_freevars)).encode()]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            told.append(_told_code(constant, None))
        elif constant != doc or doc is None:
            told.append(repr(constant).encode())
    return b"".join(told)


def _explain(error: Exception, hooks: Mapping[str, Callable[..., Any]]) -> str:
    """numba's many lines as one: where in the policy, and why."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    files = {inspect.unwrap(hook).__code__.co_filename for hook in hooks.values()}
    places = [f"{file}:{line}: " for file, line in re.findall(r"at (\S+\.py) \((\d+)\)", text) if file in files]
    where = places[0] if places else ""
    if "Only accept returning of array passed into the function" in text or "NRT required but not enabled" in text:
        return f"{where}allocates memory in a hook; allocate every array in init() and reuse it"
    reason = next((line.strip() for line in text.splitlines() if line.strip() and not line.startswith("Failed in")), "")
    call = re.search(r"Function\(<[\w ]*?function (\w+)", reason)
    if call:
        reason = f"{call[1].removeprefix('ol_')}() cannot be compiled for these arguments"
    return f"{where}{reason.rstrip('.')}; hooks may use only what numba compiles"
