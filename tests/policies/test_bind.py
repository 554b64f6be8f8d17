"""Binding: the right policy's machine code in every process, no reference counted, the same hits as in Python."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import numpy as np
import pytest

from kvreplay.policies import PolicyError, get, names
from kvreplay.policies.bind import _Hooks, _jit_clone, bind, fingerprint
from kvreplay.simulator.replay import loops
from kvreplay.simulator.replay.cell import Cell
from kvreplay.traces.trace import Trace


def test_fingerprints_tell_policies_and_their_helpers_and_constants_apart():
    prints = [get(name).fingerprint for name in names()]
    assert len(set(prints)) == len(prints)

    def helper_a(x):
        return x + 1

    def helper_b(x):
        return x + 2

    def make(helper, constant):
        scope = {"helper": helper, "CONSTANT": constant}
        exec("def loop(x):\n    return helper(x) * CONSTANT", scope)
        return scope["loop"]

    variants = [make(helper_a, 3), make(helper_b, 3), make(helper_a, 4)]
    assert len({fingerprint(loop, {}) for loop in variants}) == 3
    assert fingerprint(make(helper_a, 3), {}) == fingerprint(variants[0], {})
    assert [bind(loop, {}, compiled=True, cache=False)(1) for loop in variants] == [6, 9, 8]


@pytest.mark.parametrize("policy", [*names(), "lru+tinylfu"])
def test_compiled_code_does_not_count_references(policy):
    trace = Trace("t", np.array([0, 1, 0], np.uint32), 2, parent=np.array([-1, -1], np.int32))
    hooks = get(policy).hooks
    cell = Cell(trace, get(policy), 1, hooks.reading or "independent")
    source = loops.replay_served if hooks.by_request else loops.replay_independent
    key = fingerprint(source, hooks.compiled)
    loop = _jit_clone(source, _Hooks(hooks.compiled), key, False, False).dispatcher
    offsets = (trace.offsets,) if hooks.by_request else ()
    loop(cell.state, *offsets, trace.pages, 0, 3, np.zeros(3, np.uint8), cell.cached, 1, cell.tally)
    for code in loop.inspect_llvm().values():
        assert "NRT_incref" not in code


def test_machine_code_is_that_of_the_types_that_it_is_called_with():
    scope = {}
    exec("def loop(values, n):\n    values[0] += n\n    return values[0]", scope)

    def called(values, n):
        return bind(scope["loop"], {}, compiled=True, cache=False)(values, n)

    assert called(np.array([1, 2]), 2) == 3
    assert called(np.array([1.5, 2]), 2) == 3.5
    assert called(np.array([1.5, 2]), 0.25) == 1.75
    assert called(np.arange(6)[::3], 1) == 1
    frozen = np.array([1, 2])
    frozen.flags.writeable = False
    with pytest.raises(PolicyError):
        called(frozen, 2)


def test_equal_names_in_three_processes_are_not_mixed_up(tmp_path):
    """numba's disk cache goes by name and line: process 3 must not get process 1's policy under the name of 2's."""
    first = textwrap.dedent(
        """
        from typing import NamedTuple
        import numpy as np
        class State(NamedTuple):
            places: np.ndarray
            count: np.ndarray
        def init(capacity, n_pages): return State(np.zeros(capacity, np.uint32), np.zeros(1, np.int64))
        def on_hit(state, page, now): pass
        def on_insert(state, page, now):
            state.places[state.count[0]] = page
            state.count[0] += 1
        def evict(state, now):
            which = min(WHICH, state.count[0] - 1)
            victim = state.places[which]
            state.count[0] -= 1
            state.places[which] = state.places[state.count[0]]
            return victim
        """
    )
    run = textwrap.dedent(
        """
        import sys, numpy as np
        from kvreplay.simulator.replay import replay
        from kvreplay.traces.trace import Trace
        trace = Trace("t", np.array([0, 1, 2, 0, 1, 2, 3, 2, 1, 3] * 9, np.uint32), 4)
        print(replay(trace, sys.argv[1], 3).row["hits"], replay(trace, sys.argv[1], 3, compiled=False).row["hits"])
        """
    )
    file = tmp_path / "policy.py"
    seen = []
    for which in (0, 2, 0):
        file.write_text(first.replace("WHICH", str(which)))
        done = subprocess.run([sys.executable, "-c", run, str(file)], capture_output=True, text=True, check=True)
        compiled, plain = done.stdout.split()
        assert compiled == plain
        seen.append(compiled)
    assert seen[0] == seen[2] != seen[1]
