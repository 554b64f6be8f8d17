"""YAML as plain values with places: what is read, what is refused, and where each value is said to stand."""

from __future__ import annotations

import pytest

from kvreplay.simulator.experiment.errors import ExperimentError
from kvreplay.simulator.experiment.yaml_source import read


def problems(tmp_path, text: str) -> list[str]:
    """What is wrong with the YAML, each mistake from its line number on."""
    path = tmp_path / "e.yaml"
    path.write_text(text)
    with pytest.raises(ExperimentError) as caught:
        read(path)
    assert all(problem.startswith(f"{path}:") for problem in caught.value.problems)
    return [problem.removeprefix(f"{path}:") for problem in caught.value.problems]


def test_every_value_and_key_has_its_line_and_column(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text("name: t\ntrace:\n  - {load: x, size: [1, 2]}\n  - load: y\n")
    source = read(path)
    assert source.where(()) == f"{path}:1:1"
    assert source.where(("trace", 0, "size", 1)) == f"{path}:3:25"
    assert source.where(("trace", 0, "size", 1), key=True) == f"{path}:3:25"
    assert source.where(("trace", 0, "size"), key=True) == f"{path}:3:15"
    assert source.where(("trace", 1, "load")) == f"{path}:4:11"
    # Not there: the innermost value around it. A single value stands for the list of it.
    assert source.where(("trace", 1, "nope")) == f"{path}:4:5"
    assert source.where(("name", 0)) == f"{path}:1:7"


def test_scalars_are_those_of_yaml_1_2(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text(
        "[no, on, 1e5, 1:30, 2024-01-01, 1_000, 0x10, .5, -3, +4, true, ~, null, '7', 1.0, 0o17, '', 08]".join(
            ["a: ", "\n"]
        )
    )
    assert read(path).values["a"] == [
        *("no", "on", 1e5, "1:30", "2024-01-01", 1000, 16, 0.5, -3, 4, True, None, None, "7", 1.0, 15, "", 8)
    ]


def test_aliases_are_followed(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text("a: &x {k: 1}\nb: [*x, *x]\n")
    assert read(path).values == {"a": {"k": 1}, "b": [{"k": 1}, {"k": 1}]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "1:1: is empty; expected a mapping: name, trace, policy, capacity"),
        ("# only a comment\n", "1:1: is empty; expected a mapping: name, trace, policy, capacity"),
        ("- a\n", "1:1: is a list; expected a mapping: name, trace, policy, capacity"),
        ("just text\n", "1:1: is a str; expected a mapping: name, trace, policy, capacity"),
        ("a: 1\nb: 2\n a: 3\n", "3:3: mapping values are not allowed here; expected plain YAML"),
        ("a: [1, 2\n", "2:1: expected ',' or ']', but got '<stream end>'; expected plain YAML"),
        ("a: *nowhere\n", "1:4: found undefined alias 'nowhere'; expected plain YAML"),
        ("a: 1\n---\nb: 2\n", "2:1: but found another document; expected plain YAML"),
        ("a: &x [1, *x]\n", "1:4: an alias contains itself; write the values out"),
        ("a: .nan\n", "1:4: '.nan' is not a finite number; write one"),
        ("a: [1, -.inf]\n", "1:8: '-.inf' is not a finite number; write one"),
        ("a: 1e999\n", "1:4: '1e999' is not a finite number; write one"),
        ("a: 1\nb: 2\na: 3\n", "3:1: key 'a' is there twice; remove one"),
        ("? [1, 2]\n: 3\n", "1:3: a key is no plain text; quote it"),
        ("a: !!python/object/apply:os.system [ls]\n", "is not supported; remove it"),
        ("a: !include other.yaml\n", "1:4: tag '!include' is not supported; remove it"),
        ("a: !!int [1]\n", "1:4: tag 'tag:yaml.org,2002:int' does not fit a sequence; remove it"),
        ("a: !!int {b: 1}\n", "1:4: tag 'tag:yaml.org,2002:int' does not fit a mapping; remove it"),
        ("a: !!map [1]\n", "1:4: tag 'tag:yaml.org,2002:map' does not fit a sequence; remove it"),
        ("a: !!seq {b: 1}\n", "1:4: tag 'tag:yaml.org,2002:seq' does not fit a mapping; remove it"),
        ("a: !!map foo\n", "1:4: tag 'tag:yaml.org,2002:map' does not fit a scalar; remove it"),
        ("a: !!str [1]\n", "1:4: tag 'tag:yaml.org,2002:str' does not fit a sequence; remove it"),
        ("a: !!bool x\n", "1:4: 'x' is not true, false or null; write one"),
        ("a: !!null x\n", "1:4: 'x' is not true, false or null; write one"),
        ("a: 0x" + "f" * 5000 + "\n", f"1:4: '0x{'f' * 38}' is not a finite number; write one"),
        ("a: " + "9" * 5000 + "\n", f"1:4: '{'9' * 40}' is not a finite number; write one"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path, text, expected):
    (problem,) = problems(tmp_path, text)
    assert problem.endswith(expected)


def test_every_mistake_is_reported_at_once(tmp_path):
    assert problems(tmp_path, "a: .nan\na: 1\nb: {c: !x 1, c: 2}\n") == [
        "1:4: '.nan' is not a finite number; write one",
        "2:1: key 'a' is there twice; remove one",
        "3:8: tag '!x' is not supported; remove it",
        "3:14: key 'c' is there twice; remove one",
    ]


def test_aliases_that_explode_are_refused_quickly(tmp_path):
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]  # 10**12 values
    (problem,) = problems(tmp_path, "\n".join(levels))
    assert problem.endswith("aliases expand to over 100000 values; write fewer")


def test_bottomless_nesting_is_refused(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text("a: " + "[" * 20_000)
    with pytest.raises(ExperimentError, match="is nested too deeply"):
        read(path)


def test_files_that_are_no_text_or_not_there(tmp_path):
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ExperimentError, match=r"binary.yaml: is not UTF-8 text"):
        read(binary)
    with pytest.raises(ExperimentError, match=r"missing.yaml: cannot be read: No such file or directory"):
        read(tmp_path / "missing.yaml")
    control = tmp_path / "control.yaml"
    control.write_text("a: \x01")
    with pytest.raises(ExperimentError, match=r"control.yaml: unacceptable character"):
        read(control)


@pytest.mark.parametrize("endless", [False, True])
def test_large_files_are_refused_unread(tmp_path, endless):
    path = tmp_path / "e.yaml"
    if endless:
        path.symlink_to("/dev/zero")
    else:
        path.write_text("name: t\n" + "#" * 2**20)
    with pytest.raises(ExperimentError, match=r"e.yaml: is larger than 1048576 bytes; name a YAML file"):
        read(path)


def test_overrides_reach_inwards_and_are_named_as_the_place(tmp_path):
    path = tmp_path / "e.yaml"
    path.write_text("trace: [{load: a}, {load: b}]\nseed: 1\n")
    source = read(path)
    for assignment in ("seed=[1, 2]", "trace.1.load=c", "trace.0.skew=1e-1", "windows=5", "question="):
        source.override(assignment)
    assert source.values == {
        "trace": [{"load": "a", "skew": 0.1}, {"load": "c"}],
        "seed": [1, 2],
        "windows": 5,
        "question": None,
    }
    assert source.where(("seed", 1)) == "--set seed=[1, 2]"
    assert source.where(("trace", 0, "load")) == f"{path}:1:16"


@pytest.mark.parametrize("assignment", ["seed", "=1", "trace.7.load=x", "trace.x=1", "seed.a=1", "a.b=1", "seed=[1"])
def test_an_override_that_leads_nowhere_is_refused(assignment):
    with pytest.raises(ExperimentError, match="--set "):
        read({"trace": [{"load": "a"}], "seed": 1}).override(assignment)


def test_a_mapping_is_copied_and_its_places_are_its_keys():
    given = {"trace": ({"load": "a"},), "seed": 1}
    source = read(given)
    source.override("trace.0.load=b")
    assert given == {"trace": ({"load": "a"},), "seed": 1}
    assert source.values == {"trace": [{"load": "b"}], "seed": 1}
    assert source.where(("policy", 1, "window")) == "policy.1.window"
