"""What an experiment may say: mistakes with their places, and what correct ones come to."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvreplay.simulator.experiment.errors import ExperimentError
from kvreplay.simulator.experiment.json_schema import json_schema
from kvreplay.simulator.experiment.schema import Experiment, parse
from kvreplay.simulator.experiment.yaml_source import read

LEAST = {"name": "t", "trace": {"generate": "zipf"}, "policy": "lru", "capacity": 10}


def problems(experiment) -> list[str]:
    with pytest.raises(ExperimentError) as caught:
        parse(read(experiment))
    return caught.value.problems


def options(axis: str, **changes) -> list:
    return [option.value for option in parse(read(LEAST | changes)).options()[axis]]


WRONG = """\
name: ../escape
trace:
  - {generate: zipf, keys: [100, 0], sed: 3}
  - {generate: zip}
  - {generate: conversation, arrival: {process: gamma, burstiness: [1, -2]}}
  - {keys: 3}
policy: [lru, {name: w-tinylfu, window: [0.01, 1.5]}, sivee, 7, {window: 3}]
capacity: [1%, 0, 5qq, -3, 101%, [1], true]
reading: prefx
windws: 3
windows: 0
seed: [0, -1, 1.5]
bytes_per_token: many
warmup: [0, 1, half]
ttl: [null, 0, 60]
zip: [[trace, capcity], [trace, seed], [seed]]
exclude: [{policy: belady, readin: prefix}, {policy: nope}]
tolerance: {hit_rtio: 0.0, hits: -1}
"""


# line, what stands where the complaint points, what it says
MISTAKES = [
    (1, "../escape", "name is '../escape'; string should match pattern"),
    (3, "0]", "zipf: parameter 'keys' is 0: input should be greater than or equal to 1"),
    (3, "sed", "zipf: unknown parameter 'sed', did you mean 'seed'?"),
    (4, "zip}", "unknown workload 'zip'; did you mean 'zipf'?"),
    (5, "-2", "conversation: parameter 'arrival.burstiness' is -2: input should be greater than 0"),
    (6, "{keys", "{'keys': 3} is no trace; write a mapping with either `generate` or `load`"),
    (7, "1.5", "w-tinylfu: parameter 'window' is 1.5: input should be less than 1"),
    (7, "sivee", "unknown policy 'sivee', did you mean 'sieve'?"),
    (7, "7,", "7 is no policy; write its name, or a mapping"),
    (7, "{window: 3", "{'window': 3} is no policy; write its name, or a mapping"),
    (8, "0,", "capacity '0' is out of range; it must be above 0"),
    (8, "5qq", "capacity '5qq' is not a size; write 1000, 10%"),
    (8, "-3", "capacity '-3' is not a size; write 1000, 10%"),
    (8, "101%", "capacity '101%' is more than the whole trace; use at most 100%"),
    (8, "[1],", "[1] is no capacity; write 1000, 10%"),
    (8, "true", "True is no capacity; write 1000, 10%"),
    (9, "prefx", "reading is 'prefx'; input should be 'independent' or 'prefix'"),
    (10, "windws", "unknown key 'windws', did you mean 'windows'?"),
    (11, "0", "windows is 0; input should be greater than or equal to 1"),
    (12, "-1", "seed is -1; input should be greater than or equal to 0"),
    (12, "1.5", "seed is 1.5; input should be a valid integer"),
    (13, "many", "bytes_per_token is 'many'; input should be a valid integer"),
    (14, "1,", "warmup is 1; input should be less than 1"),
    (14, "half", "warmup is 'half'; input should be a valid number"),
    (15, "0,", "ttl is 0; input should be greater than 0"),
    (16, "[seed]", "zip is ['seed']; list should have at least 2 items"),
    (17, "readin", "unknown key 'readin', did you mean 'reading'?"),
    (17, "nope", "unknown policy 'nope', known: "),
    (18, "hit_rtio", "unknown metric 'hit_rtio', did you mean 'hit_ratio'?"),
    (18, "-1", "tolerance is -1; input should be greater than or equal to 0"),
]


def test_every_mistake_at_once_with_its_place(tmp_path):
    path = tmp_path / "wrong.yaml"
    path.write_text(WRONG)
    lines = WRONG.splitlines()
    expected = sorted(f"{path}:{n}:{lines[n - 1].index(at) + 1}: {says}" for n, at, says in MISTAKES)
    found = sorted(problems(path))
    assert len(found) == len(expected), found
    for problem, start in zip(found, expected, strict=True):
        assert problem.startswith(start)


def test_what_is_missing_is_named():
    assert problems({}) == [
        f"{key}: {key!r} is missing; an experiment needs name, trace, policy and capacity"
        for key in ("trace", "policy", "capacity", "name")
    ]


@pytest.mark.parametrize(
    ("zipped", "expected"),
    [
        ([["trace", "capcity"]], "zip.0: unknown axis 'capcity', did you mean 'capacity'?"),
        ([["seed", "policy"]], "zip.0: zipped axes differ in length (seed has 2, policy has 1)"),
        ([["seed", "capacity"], ["capacity", "windows"]], "zip.1: axis 'capacity' is zipped twice; name it once"),
        ([["seed", "bytes_per_token"]], "zip.0: axis 'bytes_per_token' has no values here; give it a list"),
        ([["seed", "seed"]], "zip.0: axis 'seed' is zipped twice; name it once"),
    ],
)
def test_zip_must_fit(zipped, expected):
    given = LEAST | {"seed": [0, 1], "capacity": [10, 20], "windows": [1, 2], "zip": zipped}
    assert any(problem.startswith(expected) for problem in problems(given))


@pytest.mark.parametrize("excluded", [{}, {"policy": None}])
def test_an_exclusion_of_everything_is_refused(excluded):
    assert problems(LEAST | {"exclude": [excluded]}) == [
        "exclude.0: names no axis and would leave out every cell; name at least one"
    ]


def test_any_value_may_be_a_list_however_deep():
    traces = options("trace", trace=[{"generate": "zipf", "keys": [10, 20], "seed": [0, 1]}, "scan"])
    assert [(t.name, t.given) for t in traces] == [
        ("zipf", {"keys": 10, "seed": 0}),
        ("zipf", {"keys": 10, "seed": 1}),
        ("zipf", {"keys": 20, "seed": 0}),
        ("zipf", {"keys": 20, "seed": 1}),
        ("scan", {}),
    ]
    traces = options("trace", trace={"generate": "conversation", "arrival": {"process": "gamma", "burstiness": [1, 4]}})
    assert [t.params["arrival"].burstiness for t in traces] == [1, 4]
    traces = options("trace", trace={"load": ["a.csv", "b.csv"], "format": "keys"})
    assert [(t.name, t.generated, t.given) for t in traces] == [
        ("a.csv", False, {"format": "keys"}),
        ("b.csv", False, {"format": "keys"}),
    ]
    labels = [p.label for p in options("policy", policy=["lru", {"name": "w-tinylfu", "window": [0.1, 0.2]}, "min"])]
    assert labels == ["lru", "w-tinylfu:window=0.1", "w-tinylfu:window=0.2", "belady"]
    assert [p.label for p in options("policy", policy={"name": ["lru", "lfu"]})] == ["lru", "lfu"]


def test_a_list_that_a_workload_takes_as_a_list_is_one_value():
    parts = [{"workload": "zipf"}, {"workload": "scan"}]
    (trace,) = options("trace", trace={"generate": "mix", "parts": parts})
    assert trace.params["parts"] == parts


def test_all_is_every_registered_policy():
    from kvreplay.policies import names

    assert [policy.name for policy in options("policy", policy="all")] == names()


def test_the_grid_is_zipped_and_excluded():
    experiment = parse(
        read(
            LEAST
            | {
                "policy": ["lru", {"name": "w-tinylfu", "window": [0.01, 0.5]}, "lfu"],
                "capacity": ["10%", 100],
                "seed": [0, 1],
                "zip": [["capacity", "seed"]],
                "exclude": [
                    {"policy": {"name": "w-tinylfu", "window": 0.01}, "capacity": "1e2"},
                    {"policy": "lfu", "trace": "zipf"},
                ],
            }
        )
    )
    cells = [(c["policy"].value.label, c["capacity"].value.text, c["seed"].value) for c in experiment.cells()]
    assert cells == [
        ("lru", "10%", 0),
        ("lru", "100", 1),
        ("w-tinylfu:window=0.01", "10%", 0),  # 100 is left out, however it is written, and whether given or default
        ("w-tinylfu:window=0.5", "10%", 0),
        ("w-tinylfu:window=0.5", "100", 1),
    ]


def test_an_exclusion_without_parameters_matches_all_of_that_name():
    experiment = parse(
        read(
            LEAST
            | {"policy": ["lru", {"name": "w-tinylfu", "window": [0.1, 0.5]}], "exclude": [{"policy": "w-tinylfu"}]}
        )
    )
    assert [cell["policy"].value.label for cell in experiment.cells()] == ["lru"]


def test_files_are_looked_for_beside_the_experiment_too(tmp_path):
    import kvreplay.policies.lru

    (tmp_path / "mine.py").write_text(
        Path(kvreplay.policies.lru.__file__).read_text().replace("from .", "from kvreplay.policies.")
    )
    path = tmp_path / "e.yaml"
    path.write_text("{name: t, trace: {load: x.csv}, policy: mine.py, capacity: 1}")
    (policy,) = parse(read(path)).options()["policy"]
    assert policy.value.name == str(tmp_path / "mine.py")


# The JSON schema says the same to an editor.


@pytest.fixture(scope="module")
def validator():
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(json.loads(json.dumps(schema)))


@pytest.mark.parametrize("path", sorted(Path("experiments").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_projects_experiments_are_valid(validator, path):
    validator.validate(yaml.safe_load(path.read_text()))
    assert parse(read(path)).cells()


@pytest.mark.parametrize(
    "changes",
    [
        {"trace": [{"generate": "zipf", "keys": [10, 20]}, "scan", {"load": "a.csv", "format": "keys"}]},
        {"trace": {"generate": "conversation", "arrival": {"process": ["gamma", "poisson"]}}},
        {"trace": {"generate": "mix", "parts": [{"workload": "zipf"}]}},
        {"policy": ["all", {"name": "w-tinylfu", "window": [0.1, 0.2]}, {"name": "./mine.py", "x": 1}]},
        {"capacity": [1000, "10%", "4GiB"], "reading": ["prefix"], "seed": [0, 1]},
        {"zip": [["trace", "capacity"]], "exclude": [{"policy": "lru", "seed": 1}], "tolerance": {"hits": 1}},
        {"sizing": [None, "hit-ratio", {"name": "hit-ratio", "low": [0.2, 0.3]}]},
        {"stack": ["exact", {"semantic": {"threshold": [0.8, 0.9], "embedder": "idf-seeded"}}]},
        {"stack": [[], ["exact"], [{"exact": {"capacity": [5, 10]}}]]},
    ],
)
def test_the_json_schema_accepts_what_is_accepted(validator, changes):
    validator.validate(LEAST | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"polcy": "lru"},
        {"trace": {"generate": "zipf", "kes": 10}},
        {"trace": {"generate": "zipf", "keys": 0}},
        {"trace": {"generate": "zip"}},
        {"policy": {"name": "w-tinylfu", "window": 1.5}},
        {"policy": {"name": "lru", "window": 0.5}},
        {"reading": "prefx"},
        {"seed": -1},
        {"windows": []},
        {"exclude": [{"readin": "prefix"}]},
        {"sizing": {"name": "hit-ratio", "low": 2}},
        {"sizing": {"name": "hit-ratio", "lo": 0.2}},
        {"sizing": {"low": 0.2}},
        {"stack": "exact"},
        {"stack": [["exakt"]]},
        {"stack": [{"semantic": {"threshold": 2}}]},
        {"stack": [{"exact": {"capcity": 5}}]},
    ],
)
def test_the_json_schema_refuses_what_is_refused(validator, changes):
    assert problems(LEAST | changes)
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(LEAST | changes)


# Whatever is written, a mistake is told and nothing else happens.

_WORDS = [*LEAST, *LEAST.values(), "generate", "load", "keys", "zip", "exclude", "window", "w-tinylfu", "mix", "parts"]
_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from([word for word in _WORDS if isinstance(word, str)]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([word for word in _WORDS if isinstance(word, str)]), inner, max_size=3)
    ),
    max_leaves=8,
)


def refusals(experiment) -> list[str]:
    try:
        parse(read(experiment)).cells()
    except ExperimentError as error:
        return error.problems
    return []


@given(st.dictionaries(st.sampled_from([*Experiment.model_fields, "other"]), _ANYTHING))
@settings(deadline=None)
def test_any_values_parse_or_are_refused(changes):
    assert all("\n" not in problem for problem in refusals(LEAST | changes))


@given(st.text(alphabet="ab:-[]{}&*!,'\"# \n\t0.|>%@\x00é", max_size=40))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_or_refused(tmp_path, text):
    path = tmp_path / "e.yaml"
    path.write_text(text, encoding="utf-8")
    assert all("\n" not in problem for problem in refusals(path))


def test_stacks_are_an_axis_whose_tiers_take_lists():
    stacks = [
        None,
        ["exact"],
        [{"exact": {"capacity": [5, 9]}}, {"semantic": {"threshold": [0.8, 0.9], "policy": "lfu"}}],
    ]
    labels = [stack.label.replace("wordllama", "idf-seeded") for stack in options("stack", stack=stacks)]
    tail = "semantic threshold={} embedder=idf-seeded policy=lfu"
    both = [f"exact capacity={capacity} > {tail.format(t)}" for capacity in (5, 9) for t in (0.8, 0.9)]
    assert labels == ["", "exact", *both]
    assert [stack.label for stack in options("stack", stack=["exact"])] == ["exact"]
    assert [stack.label for nothing in ([], None) for stack in options("stack", stack=nothing)] == ["", ""]
    excluded = LEAST | {"stack": stacks, "exclude": [{"stack": [{"exact": {"capacity": 9}}, "semantic"]}]}
    assert len(parse(read(excluded)).cells()) == 4


def test_mistakes_in_a_stack_are_told_at_their_place(tmp_path):
    file = tmp_path / "t.yaml"
    lines = [*(f"{key}: {json.dumps(value)}" for key, value in LEAST.items()), "stack:"]
    lines += ["  - [exact: {capacity: [5, 0]}, semantic: {treshold: 0.9}]", "  - [exakt]", "  - 7"]
    file.write_text("\n".join(lines))
    assert problems(file) == [
        f"{file}:6:28: exact: parameter 'capacity' is 0: input should be greater than or equal to 1",
        f"{file}:6:44: semantic: unknown parameter 'treshold', did you mean 'threshold'?",
        f"{file}:7:6: stack: 'exakt' is no tier; did you mean 'exact'?",
        f"{file}:8:5: 7 is no list of tiers; write for example [exact, semantic: {{threshold: 0.9}}]",
    ]
