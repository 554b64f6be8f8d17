"""Files of claims: read, held against replays and measures, and reported."""

from __future__ import annotations

import textwrap

import numpy as np
import pytest

import kvreplay as kv
from kvreplay.simulator.claims import examine, read_claims
from kvreplay.simulator.claims.measures import MEASURES
from kvreplay.simulator.claims.page import overview
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.experiment.errors import ExperimentError
from kvreplay.simulator.student_t import student_t


def write(folder, text):
    path = folder / "claims.yaml"
    path.write_text(textwrap.dedent(text))
    return path


def examined(path):
    return list(examine(read_claims(path), path))


REPLAYED = """\
    question: Do they hold?
    seeds: [3, 4]
    capacity: 50%
    claims:
      - says: Few questions hit
        claimed: 90 %
        trace: {generate: repetitive, requests: 300, questions: 20}
        metric: prefix_hit_ratio
        vary: {questions: [40]}
    """


def test_a_claim_is_held_against_the_replays_of_every_seed(tmp_path):
    (outcome,) = examined(write(tmp_path, REPLAYED))

    def ratios(questions):
        return [
            kv.replay(
                kv.generate("repetitive", requests=300, questions=questions, seed=seed), "lru", "50%", reading="prefix"
            ).row["prefix_hit_ratio"]
            for seed in (3, 4)
        ]

    first, second = ratios(20)
    assert outcome.figure.value == pytest.approx((first + second) / 2)
    # Of two samples the standard error is half their distance.
    assert outcome.figure.half_width == pytest.approx(student_t(1) * abs(first - second) / 2)
    assert outcome.figure.kind == "counted"
    ((knob, varied),) = outcome.varied
    assert (knob, varied.value) == ("questions 40", pytest.approx(np.mean(ratios(40))))


def test_a_claim_is_held_against_a_measure(tmp_path, monkeypatch):
    monkeypatch.setitem(MEASURES, "halves", ("modelled", lambda *, of: [of / 2]))
    claims = """\
        question: Is it half?
        claims: [{says: Half of 8 bytes, claimed: 4 B, measure: halves, with: {of: 8}, why: two halves make a whole}]
        """
    (outcome,) = examined(write(tmp_path, claims))
    assert (outcome.figure, outcome.verdict) == ((4.0, 0.0, "modelled", None), "as claimed")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{says: x, claimed: 95, measure: y}", "95 is no text; write a figure and its unit"),
        ("{says: x, claimed: 95 parsecs, measure: y}", "is no figure with a unit"),
        (
            "{says: x, claimed: 95 %}",
            "is held against nothing, or two things; give trace and metric, or else a measure",
        ),
        ("{says: x, claimed: 95 %, measure: nothing}", "unknown measure 'nothing'"),
        ("{says: x, claimed: 95 %, measured: y}", "unknown key 'measured'"),
        ("{claimed: 95 %, measure: y}", "'says' is missing"),
    ],
)
def test_mistakes_are_told_with_their_place(tmp_path, entry, said):
    path = write(tmp_path, f"question: q\nclaims:\n  - {entry}\n")
    with pytest.raises(ExperimentError) as raised:
        read_claims(path)
    assert any(problem.startswith(f"{path}:3:") and said in problem for problem in raised.value.problems)


def test_what_cannot_be_replayed_names_the_claim(tmp_path):
    path = write(tmp_path, REPLAYED.replace("questions: 20", "questons: 20"))
    with pytest.raises(ExperimentError, match=r"claim 1 \(Few questions hit\): .*unknown parameter 'questons'"):
        examined(path)
    path = write(tmp_path, REPLAYED.replace("prefix_hit_ratio", "policy"))
    with pytest.raises(ExperimentError, match="have no figure 'policy'; name a column with numbers"):
        examined(path)


def test_the_command_writes_both_pages(tmp_path, capsys):
    path = write(tmp_path, REPLAYED.replace("Few questions", "Few <questions>"))
    assert main(["claims", str(path), "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "Few <questions> hit" in printed
    assert "questions 40" in (tmp_path / "out" / "claims.md").read_text()
    assert "Few &lt;questions&gt; hit" in (tmp_path / "out" / "claims.html").read_text()


def test_the_command_refuses_before_it_works(tmp_path, capsys):
    good, bad = write(tmp_path, REPLAYED), tmp_path / "bad.yaml"
    bad.write_text("question: q\nclaims: []\n")
    assert main(["claims", str(good), str(bad), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith(f"kvreplay: {bad}:2:")
    assert not (tmp_path / "out").exists()


def test_semantic_hits_are_told_with_how_many_are_right(tmp_path):
    path = write(tmp_path, REPLAYED.replace("prefix_hit_ratio", "answered_ratio"))
    path.write_text(
        path.read_text().replace(
            "    vary: {questions: [40]}\n", "    stack: [semantic: {embedder: idf-seeded, threshold: 0.5}]\n"
        )
    )
    (outcome,) = examined(path)
    stack = [{"semantic": {"embedder": "idf-seeded", "threshold": 0.5}}]
    rows = [
        kv.replay(
            kv.generate("repetitive", requests=300, questions=20, seed=seed),
            "lru",
            "50%",
            reading="prefix",
            stack=stack,
        ).row
        for seed in (3, 4)
    ]
    assert outcome.figure.precision == pytest.approx(np.mean([row["answered_precision"] for row in rows]))
    assert "of the hits right" in overview([outcome]).rows[0][2]
