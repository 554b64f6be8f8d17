"""Short runs of a policy from outside the project, before it replays in earnest.

Compiled code neither checks array bounds nor keeps tracebacks; here a mistake is an ordinary Python error, and
can be blamed on the line of the policy that made it.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np

from kvreplay.policies import Policy, PolicyError
from kvreplay.traces.trace import Trace

from .cell import Cell

_PAGES, _REQUESTS, _CAPACITIES = 12, 120, (1, 2, 5, 12)
_REHEARSED = 1 << 17  # accesses
_passed: set[Any] = set()


def try_out(policy: Policy) -> None:
    """Replay a few hundred accesses in Python, once per policy. Raises PolicyError naming the line that fails."""
    if policy.hooks.built_in or policy.fingerprint in _passed:
        return
    if policy.unfiltered is not None:
        try_out(policy.unfiltered)  # its mistakes are plainer to see without a filter in front
    trace, hooks = _trial_trace(), policy.hooks
    for capacity in _CAPACITIES:
        _in_python(trace, policy, capacity, hooks.reading or "independent", sized=hooks.sized_only)
    _passed.add(policy.fingerprint)


@functools.cache
def _trial_trace() -> Trace:
    """Requests that walk a small binary tree from its root to a random page, which every other one does not fill."""
    parent = (np.arange(_PAGES, dtype=np.int32) - 1) // 2
    paths: list[list[int]] = []
    for page in parent:
        paths.append([*(paths[page] if page >= 0 else []), len(paths)])
    ends = np.minimum(np.random.default_rng(0).geometric(0.2, _REQUESTS) - 1, _PAGES - 1)
    requests = [paths[end] for end in ends]
    pages = np.concatenate(requests).astype(np.uint32)
    offsets = np.cumsum([0, *map(len, requests)])
    tokens = np.array([2 * len(request) - i % 2 for i, request in enumerate(requests)], np.int32)
    columns: dict[str, Any] = {"page_offsets": offsets, "prompt_tokens": tokens, "parent": parent, "page_tokens": 2}
    return Trace("trial", pages, _PAGES, **columns, page_bytes=np.arange(_PAGES) % 3 + 1)


def rehearse(trace: Trace, policy: Policy, capacity: int, reading: str, **options: Any) -> None:
    """Replay the beginning of `trace` with array bounds checked: an index beyond an array would else corrupt memory.

    Built-in policies are tested for that, others rehearse once per trace, capacity and reading. `options` are those of
    `Cell`. Raises PolicyError naming the line that fails.
    """
    rehearsal = (policy.fingerprint, trace.content_hash, capacity, reading, options["sized"])
    if policy.hooks.built_in or rehearsal in _passed:
        return
    try:
        _begin(Cell(trace, policy, capacity, reading, checked=True, **options))
    except PolicyError as error:
        if isinstance(error.__cause__, ArithmeticError | LookupError | ValueError):
            _in_python(trace, policy, capacity, reading, **options)
        raise
    _passed.add(rehearsal)


def _in_python(trace: Trace, policy: Policy, capacity: int, reading: str, **options: Any) -> None:
    hooks = policy.hooks
    decide, code = hooks.decide, hooks.decide_code
    wanted = "(hits, pages added, pages removed)" if hooks.by_request else "the number of a cached page"

    @functools.wraps(decide)
    def answer(*args):
        found = decide(*args)
        numbers = found if hooks.by_request and isinstance(found, tuple) else (found,)
        if len(numbers) != (3 if hooks.by_request else 1) or not all(isinstance(n, int | np.integer) for n in numbers):
            what = f"{decide.__name__}() returned {found!r}; return {wanted}"
            raise PolicyError(f"{code.co_filename}:{code.co_firstlineno}: {what}")
        return found

    compiled: dict[str, Any] = {**hooks.compiled, ("serve" if hooks.by_request else "evict"): answer}
    watched = dataclasses.replace(policy, hooks=dataclasses.replace(hooks, compiled=compiled))
    try:
        with np.errstate(divide="raise"):
            _begin(Cell(trace, watched, capacity, reading, compiled=False, **options))
    except PolicyError:
        raise
    except (Exception, SystemExit) as error:
        raise PolicyError(f"{hooks.blame(error)}{type(error).__name__}: {error}") from error


def _begin(cell: Cell) -> None:
    seen = 0
    for *_, hit in cell.chunks(max(cell.trace.n_accesses // _REHEARSED, 1)):
        seen += len(hit)
        if seen >= _REHEARSED:
            return
