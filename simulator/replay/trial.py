"""A short uncompiled run of a policy from outside the project, before it is compiled.

Compiled code neither checks array bounds nor keeps tracebacks; here a mistake is an ordinary Python error, and
can be blamed on the line of the policy that made it.
"""

from __future__ import annotations

import numpy as np

from kvreplay.policies import Policy, PolicyError
from kvreplay.traces.trace import Trace

from .cell import Cell

_PAGES, _ACCESSES, _CAPACITIES = 12, 300, (1, 2, 5, 12)
_passed: set[str] = set()


def try_out(policy: Policy) -> None:
    """Replay a few hundred accesses in Python, once per policy. Raises PolicyError naming the line that fails."""
    if policy.hooks.built_in or policy.fingerprint in _passed:
        return
    rng = np.random.default_rng(0)
    pages = np.minimum(rng.geometric(0.2, _ACCESSES) - 1, _PAGES - 1).astype(np.uint32)
    trace = Trace("trial", pages, _PAGES)
    for capacity in _CAPACITIES:
        try:
            with np.errstate(divide="raise"):
                for _ in Cell(trace, policy, capacity, compiled=False).chunks(1):
                    pass
        except PolicyError:
            raise
        except Exception as error:
            raise PolicyError(f"{policy.hooks.blame(error)}{type(error).__name__}: {error}") from error
    _passed.add(policy.fingerprint)
