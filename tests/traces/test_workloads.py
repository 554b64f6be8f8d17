"""What holds of every workload: found by name, checked, reproducible, recorded, and always a valid trace."""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay import parameters
from kvreplay.traces.errors import TraceError
from kvreplay.traces.workloads import find, generate, names

REQUIRED = {"mix": ["parts"], "questions": ["source"]}
SMALL = {
    "agent": {"sessions": 5},
    "conversation": {"sessions": 20},
    "mix": {"parts": [{"workload": "zipf"}, {"workload": "scan"}], "requests": 200},
    "questions": {"source": str(Path(__file__).with_name("questions.csv")), "requests": 200},
    "system_prompt": {"requests": 50, "system_words": 100},
} | {
    name: {"requests": 200} for name in ("diverse", "loop", "paraphrased", "repetitive", "scan", "zipf", "zipf_stream")
}


def test_the_names_are_these():
    assert names() == sorted(SMALL)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(TraceError, match=r"^unknown workload 'convrsation'; did you mean 'conversation'\?"):
        generate("convrsation")
    with pytest.raises(TraceError, match="known: agent, conversation"):
        find("__init__")


@pytest.mark.parametrize("name", names())
def test_every_parameter_is_named_typed_and_seeded(name):
    arguments = inspect.signature(find(name)).parameters.values()
    assert all(argument.kind is argument.KEYWORD_ONLY for argument in arguments)
    assert [a.name for a in arguments if a.default is a.empty] == REQUIRED.get(name, [])
    assert {"requests", "seed"} <= {argument.name for argument in arguments}
    assert parameters.model(find(name)).model_json_schema()["properties"]["seed"]["default"] == 0


@pytest.mark.parametrize("name", names())
def test_the_same_seed_gives_the_same_trace_and_another_seed_another(name):
    first, again = generate(name, **SMALL[name], seed=3), generate(name, **SMALL[name], seed=3)
    other = generate(name, **SMALL[name], seed=4)
    assert first.content_hash == again.content_hash
    # Scans and loops have nothing that chance decides.
    assert (first.content_hash == other.content_hash) == (name in ("scan", "loop"))
    assert first.name == other.name


def test_another_process_makes_the_same_traces():
    code = (
        "import json, sys; from kvreplay.traces.workloads import generate;"
        "print(json.dumps([generate(name, **params).content_hash for name, params in json.load(sys.stdin)]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(list(SMALL.items())),
        capture_output=True,
        text=True,
        check=True,
        # Hash randomization must not matter.
        env={"PYTHONHASHSEED": "77", "PATH": ""},
    )
    assert json.loads(found.stdout) == [generate(name, **params).content_hash for name, params in SMALL.items()]


@pytest.mark.parametrize("name", names())
def test_a_trace_says_how_it_was_made(name):
    trace = generate(name, **SMALL[name], seed=5)
    assert trace.meta["source"] == "generated"
    assert trace.meta["workload"] == name
    assert trace.meta["seed"] == 5
    recorded = json.loads(json.dumps(trace.meta["params"]))
    assert set(recorded) == set(inspect.signature(find(name)).parameters)
    assert generate(name, **recorded).content_hash == trace.content_hash


def test_the_name_of_a_trace_holds_what_was_asked_but_not_the_seed():
    assert generate("zipf", requests=10, skew=0.5, seed=9).name == "zipf:requests=10:skew=0.5"


@pytest.mark.parametrize("name", ["zipf", "paraphrased", "conversation"])
def test_other_arrivals_leave_the_content_alone(name):
    slow = generate(name, **SMALL[name], arrival={"process": "uniform", "rate": 0.001})
    bursty = generate(name, **SMALL[name], arrival={"process": "gamma", "rate": 0.001})
    assert slow.arrival.tolist() != bursty.arrival.tolist()
    assert slow.n_pages == bursty.n_pages
    if name != "conversation":  # whose sessions overlap otherwise
        assert slow.pages.tolist() == bursty.pages.tolist()


ARRIVALS = st.one_of(
    st.none(),
    st.fixed_dictionaries({"process": st.sampled_from(["poisson", "uniform"]), "rate": st.floats(1e-3, 1e6)}),
    st.fixed_dictionaries({"process": st.just("gamma"), "burstiness": st.floats(0.1, 20)}),
    st.fixed_dictionaries(
        {
            "process": st.just("closed"),
            "clients": st.integers(1, 50),
            "think": st.floats(0, 100),
            "service": st.floats(0, 9),
        }
    ),
)
LENGTHS = st.fixed_dictionaries(
    {
        "distribution": st.sampled_from(["fixed", "lognormal"]),
        "mean": st.floats(1, 50),
        "cv": st.floats(0, 5),
        "max": st.integers(1, 200),
    }
)
COMMON = {"requests": st.integers(1, 40), "seed": st.integers(0, 2**63 - 1), "arrival": ARRIVALS}
SHAPES = {
    "zipf": {"keys": st.integers(1, 500), "skew": st.floats(0, 20), "drift": st.floats(0, 50)},
    "scan": {},
    "loop": {"keys": st.integers(1, 50)},
    "repetitive": {"questions": st.integers(1, 600), "output": LENGTHS, "page_tokens": st.integers(1, 50)},
    "paraphrased": {"intents": st.integers(1, 600), "verbatim_share": st.floats(0, 1), "drift": st.floats(0, 3)},
    "diverse": {"verbatim_share": st.floats(0, 1), "page_tokens": st.integers(1, 50)},
    "system_prompt": {"system_prompts": st.integers(1, 45), "system_words": st.integers(1, 200)},
    "conversation": {"turns": LENGTHS, "user": LENGTHS, "system_tokens": st.integers(0, 99), "think": st.floats(0, 9)},
    "agent": {"steps": LENGTHS, "burst_share": st.floats(0, 1), "burst_size": st.integers(1, 9)},
}


@given(data=st.data())
@settings(max_examples=120, deadline=None)
def test_any_parameters_make_a_valid_trace(data):
    name = data.draw(st.sampled_from(sorted(SHAPES)))
    params = data.draw(st.fixed_dictionaries(COMMON | SHAPES[name]))
    if name in ("conversation", "agent"):
        params |= {"sessions": params["requests"], "context_limit": 10**7}
        params["arrival"] = params["arrival"] or {}
    trace = generate(name, **params)  # the Trace itself checks lengths, order and ranges
    assert trace.n_requests == params["requests"]
    assert trace.offsets[-1] == trace.n_accesses
    assert len(np.unique(trace.pages)) == trace.n_pages
    assert (trace.arrival is None) == (params["arrival"] is None)
    if trace.page_tokens is not None:
        assert trace.parent is not None
        assert np.diff(trace.offsets).tolist() == (-(-trace.prompt_tokens // trace.page_tokens)).tolist()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"keys": 0}, "zipf: parameter 'keys' is 0: input should be greater than or equal to 1"),
        ({"skew": -1}, "zipf: parameter 'skew' is -1: input should be greater than or equal to 0"),
        ({"requests": 10**12}, "zipf: parameter 'requests' is 1000000000000: input should be less than or equal"),
        ({"kyes": 5}, "zipf: unknown parameter 'kyes', did you mean 'keys'?"),
        ({"seed": "x"}, "zipf: parameter 'seed' is 'x': input should be a valid integer"),
        ({"drift": float("inf")}, "zipf: parameter 'drift' is inf"),
    ],
)
def test_wrong_parameters_are_refused_in_one_line(params, message):
    with pytest.raises(parameters.ParameterError) as error:
        generate("zipf", **params)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
