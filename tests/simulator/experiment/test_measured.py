"""Cells that a real model serves: beside the same cells modelled, with the same hits."""

from __future__ import annotations

import pytest

import kvreplay as kv
from kvreplay.simulator.experiment import make_plan
from kvreplay.simulator.experiment.errors import ExperimentError
from kvreplay.simulator.report import beside

EXPERIMENT = {
    "name": "beside",
    "trace": {
        "generate": "paraphrased",
        "requests": 30,
        "intents": 6,
        "verbatim_share": 0.3,
        "output": {"mean": 3, "max": 5},
        "as": "questions",
    },
    "policy": ["lru", None],
    "capacity": 20,
    "stack": [[], ["exact"]],
    "warmup": 0.2,
    "clock": ["modelled", "measured"],
    "serving": {"model": "stories260k", "concurrency": 1},
}


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    return kv.run(EXPERIMENT, tmp_path_factory.mktemp("beside"))


def test_each_cell_is_there_under_both_clocks_with_the_same_counts(results):
    (pairs,) = beside.pairs(results.rows.iter_rows(named=True)).values()
    assert len(pairs) == 4
    for modelled, measured in pairs:
        counts = (
            "requests",
            "pages",
            "hits",
            "tokens_saved",
            "answered",
            "exact_true_hits",
            "peak_pages",
            "output_tokens",
        )
        for name in counts:
            assert modelled[name] == measured[name], name
        assert measured["ttft_mean"] > 0
        assert measured["step_cost"] is None
        assert (modelled["device"], measured["device"]) == ("h100", "this machine's cpu")
    assert sum(measured["answered"] or 0 for _, measured in pairs) > 0
    assert sum(measured["hits"] for _, measured in pairs) > 0


def test_the_report_lays_them_side_by_side(results):
    rows = list(results.rows.iter_rows(named=True))
    (table,) = beside.tables(rows)
    assert table.title == "questions: modelled beside measured"
    ratios = [row for row in table.rows if "token hit ratio" in row]
    assert len(ratios) == 4
    assert all(row[-3] == row[-2] and row[-1] == "all counts equal: yes" for row in ratios)
    ((_, text),) = beside.answer(rows)
    assert text.startswith("of 4 cells all counts are equal; no mean is off by more than ")


def test_times_are_compared_and_unequal_counts_named(results):
    rows = [dict(row) for row in results.rows.iter_rows(named=True)]
    for row in rows:
        row |= {"ttft_mean": 1.0, "tpot_mean": 1.0, "e2e_mean": 1.0, "output_tokens_per_second": 1.0}
        if row["clock"] == "modelled" and row["policy"] == "lru":
            row |= {"hits": row["hits"] + 1, "tpot_mean": 1.25}
    (table,) = beside.tables(rows)
    assert {row[-1] for row in table.rows} == {"all counts equal: yes", "all counts equal: no: hits", "+0.0%", "+25.0%"}
    ((_, text),) = beside.answer(rows)
    assert text == "of 4 cells counts are equal in 2; no mean is off by more than 25% (mean time between tokens)."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"capacity": "device"}, "capacity device: is what a modelled device leaves"),
        ({"policy": "vllm-lru"}, "policy vllm-lru: is only simulated"),
        ({"reading": "independent"}, "a server's pages are prefixes"),
        ({"serving": {"model": "deepseek-v3", "concurrency": 1}}, "model deepseek-v3: is no plain Llama"),
        ({"serving": {"model": "stories260", "concurrency": 1}}, "unknown model 'stories260', did you mean"),
        ({"serving": {"model": "stories260k", "replicas": 2}}, "serving: unknown parameter 'replicas'"),
        ({"ttl": 3.0}, "a server with a clock has none"),
        ({"trace": {"generate": "zipf"}}, "zipf has no pages of tokens that form prefixes"),
    ],
)
def test_what_cannot_be_measured_is_told_before_anything_runs(changes, said):
    with pytest.raises(ExperimentError) as raised:
        make_plan({**EXPERIMENT, "clock": "measured", **changes})
    assert said in str(raised.value)


def test_a_machine_without_torch_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ExperimentError, match="clock measured: needs torch; pip install 'kvreplay\\[model\\]'"):
        make_plan({**EXPERIMENT, "clock": "measured"})
