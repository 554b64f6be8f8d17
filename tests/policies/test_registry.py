"""Policies by name and from anywhere: what is found, what parameters it takes, and the errors a person gets."""

from __future__ import annotations

import json
import sys
import types
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from kvreplay.policies import PolicyError, get, names, registry
from kvreplay.simulator.replay import replay
from kvreplay.traces.trace import Trace

TRACE = Trace("short", np.array([0, 1, 2, 0, 3, 1, 4, 0] * 20, np.uint32), 5)

MINE = """
from typing import NamedTuple
import numpy as np

class State(NamedTuple):
    ring: np.ndarray
    ends: np.ndarray

def init(capacity, n_pages, *, extra: int = 0):
    return State(np.zeros(capacity + extra, np.uint32), np.zeros(2, np.int64))

def on_hit(state, page, now):
    pass

def on_insert(state, page, now):
    state.ring[state.ends[1] % len(state.ring)] = page
    state.ends[1] += 1

def evict(state, now):
    state.ends[0] += 1
    return state.ring[(state.ends[0] - 1) % len(state.ring)]
"""


def write(tmp_path, source: str) -> str:
    file = tmp_path / "mine.py"
    file.write_text(source)
    return str(file)


def test_a_file_name_may_hold_dots(tmp_path):
    file = tmp_path / "mine.v0.2.py"
    file.write_text(MINE)
    assert replay(TRACE, str(file), 3).row["hits"] == replay(TRACE, write(tmp_path, MINE), 3).row["hits"]


def test_labels_read_back_as_the_same_policy():
    policy = get("s3-fifo", small=0.2, promote=1)
    assert policy.label == "s3-fifo:promote=1:small=0.2"
    again = get(policy.label)
    assert (again.label, again.params, again.fingerprint) == (policy.label, policy.params, policy.fingerprint)
    assert get("w-tinylfu:doorkeeper=true").params["doorkeeper"] is True


def test_aliases_and_names_that_stand_for_parameters():
    assert get("min").name == get("opt").name == "belady"
    assert get("w-tinylfu-80-20").params == {**get("w-tinylfu").params, "recency": 0.2}
    assert get("w-tinylfu-80-20").label == "w-tinylfu-80-20"


def test_characteristics_follow_from_init():
    assert get("belady").needs == {"future"}
    assert get("random").needs == {"seed"}
    assert get("lru").needs == set()


def test_a_policy_from_a_file_is_a_policy_like_any_other(tmp_path):
    file = write(tmp_path, MINE)
    row = replay(TRACE, file, 3).row
    assert row["hits"] == replay(TRACE, "fifo", 3).row["hits"]
    assert row["policy"] == file
    assert get(f"{file}:extra=2").params == {"extra": 2}


def test_a_policy_from_an_entry_point(monkeypatch):
    module = types.ModuleType("third_party")
    exec(MINE, module.__dict__)
    monkeypatch.setitem(sys.modules, "third_party", module)
    broken = EntryPoint("broken", "no_such_module", registry.ENTRY_POINTS)
    points = [EntryPoint("theirs", "third_party", registry.ENTRY_POINTS), broken]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)
    assert "theirs" in names()
    assert replay(TRACE, "theirs", 3).row["hits"] == replay(TRACE, "fifo", 3).row["hits"]
    with pytest.raises(PolicyError, match="'broken' from no_such_module does not load"):
        get("broken")


def test_a_policy_as_an_object():
    class Newest:
        @staticmethod
        def init(capacity, n_pages):
            return registry.Future(np.zeros(n_pages, np.uint32), np.zeros(1, np.int64))

        @staticmethod
        def on_hit(state, page, now):
            pass

        @staticmethod
        def on_insert(state, page, now):
            state.pages[state.next_use[0]] = page
            state.next_use[0] += 1

        @staticmethod
        def evict(state, now):
            state.next_use[0] -= 1
            return state.pages[state.next_use[0]]

    row = replay(TRACE, Newest, 3).row
    assert row["policy"] == "Newest"
    assert row["hits"] == 98  # 0 and 1 are never evicted: 5 hits in each of 20 rounds, less their first uses


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "def evict(state, now):",
            "def evict(state):",
            r"mine\.py:19: evict\(state\) should be evict\(state, now\)",
        ),
        ("def evict(", "def leave(", r"mine\.py: defines no evict\(state, now\)"),
        ("def on_hit(state, page, now):", "def on_hit(state, page, now)", r"mine\.py:12: expected ':'"),
        (
            "import numpy as np",
            "import numpi as np",
            r"mine\.py:3: ModuleNotFoundError: No module named 'numpi'",
        ),
        ("n_pages, *, extra: int", "n_pages, extra: int", r"init\(\) asks for 'extra'; known: future, seed"),
        ("return State(", "return tuple(", r"mine\.py:10: init\(\) failed: TypeError"),
        ("return State(np", "return (np", r"init\(\) returned tuple; return a NamedTuple"),
        ("np.zeros(capacity + extra", "np.zeros(0", r"mine\.py:16: FloatingPointError: divide by zero"),
        (
            "return state.ring[(",
            "return 77 + state.ring[(",
            r"mine\.py:19: evict\(\) returned page \d+, which is not cached",
        ),
        (
            "state.ring[state.ends[1] % len(state.ring)] = page",
            "state.ring[state.ends[1]] = page",
            r"mine\.py:16: IndexError",
        ),
        (
            "    pass",
            "    state.rinq[0] = page",
            r"mine\.py:13: AttributeError: 'State' object has no attribute 'rinq'",
        ),
        (
            "    pass",
            "    np.zeros(3)[0] = page",
            r"mine\.py:13: allocates memory in a hook; allocate every array in init",
        ),
        (
            "return state.ring[(",
            "return -state.ring[(",
            r"mine\.py:19: evict\(\) returned page -?\d+, which is not cached",
        ),
        (
            "return state.ring[(",
            "return 0.5 + state.ring[(",
            r"mine\.py:19: evict\(\) returned .*; return the number",
        ),
        ("return state.ring[(", "state.ring[(", r"mine\.py:19: evict\(\) returned None; return the number of"),
        ("import numpy as np", "import numpy as np; import sys; sys.exit(0)", r"mine\.py:3: SystemExit: 0"),
        ("    pass", "    {}.update(a=page)", r"mine\.py:13: .*; hooks may use only what numba compiles"),
    ],
)
def test_a_mistake_is_blamed_on_its_line(tmp_path, old, new, message):
    assert old in MINE
    with pytest.raises(PolicyError, match=message) as raised:
        replay(TRACE, write(tmp_path, MINE.replace(old, new)), 3)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("lri", "unknown policy 'lri', did you mean 'lru'?"),
        ("./nothing.py", "nothing.py: cannot be read: No such file"),
        ("no.such.module:thing", "does not load"),
        ("json:dumps", "defines no init"),
        ("lru:size=3", "unknown parameter 'size', known: none"),
        ("lru:oops:size=3", "'lru:oops' does not load"),
        ("w-tinylfu:window=x", "parameter 'window' is 'x': input should be a valid number"),
        ("w-tinylfu:window=.nan", "parameter 'window' is nan"),
    ],
)
def test_specs_that_name_nothing(spec, message):
    with pytest.raises(PolicyError, match=message):
        get(spec)


def fails_on_long_traces(tmp_path, line: str) -> str:
    """MINE, with a mistake that the trial of a few hundred accesses does not meet."""
    return write(tmp_path, MINE.replace("    pass", f"    if now > 5000:\n        {line}"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("state.ends[page + 99999999] = 1", r"mine\.py:14: IndexError: index \d+ is out of bounds"),
        ("state.ring[len(state.ring) + page] = page", r"mine\.py:14: IndexError: index \d+ is out of bounds"),
        ("raise KeyError('late')", r"mine\.py:14: KeyError: 'late'"),
    ],
)
@pytest.mark.parametrize("reading", ["independent", "prefix"])
def test_a_mistake_far_into_a_trace_is_an_error_too(tmp_path, line, message, reading):
    import kvreplay

    trace = kvreplay.generate("conversation", sessions=200, seed=1)
    with pytest.raises(PolicyError, match=message):
        replay(trace, fails_on_long_traces(tmp_path, line), "10%", reading=reading)


def test_stats_that_are_no_json_are_blamed(tmp_path):
    with pytest.raises(PolicyError, match=r"stats\(\) must return a dictionary of JSON values"):
        replay(TRACE, write(tmp_path, MINE + "\ndef stats(state):\n    return {'a': object()}\n"), 3)
    told = replay(TRACE, write(tmp_path, MINE + "\ndef stats(state):\n    return {'a': state.ends}\n"), 3)
    assert json.loads(told.row["policy_stats"]).keys() == {"a"}


@pytest.mark.parametrize(("name", "value"), [("evict", len), ("admit", 3), ("on_hit", "hit")])
def test_hooks_are_plain_functions(name, value):
    module = types.ModuleType("odd")
    exec(MINE, module.__dict__)
    setattr(module, name, value)
    with pytest.raises(PolicyError, match=f"odd: {name} is a .*; write a plain function"):
        get(module)
