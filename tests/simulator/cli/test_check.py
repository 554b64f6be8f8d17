"""kvreplay check: exit codes, and what it prints and writes for people and for CI."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from kvreplay.simulator.cli.main import main

CELL = "zipf:requests=2000:keys=100 #0, lru, 5 pages, independent, seed 0, 100 windows"


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text(
        "{name: small, trace: {generate: zipf, requests: 2000, keys: 100}, policy: [lru, fifo], capacity: 5}"
    )
    return str(path)


def test_without_a_baseline_the_exit_code_is_2(experiment, capsys):
    assert main(["check", experiment]) == 2
    assert "results/baselines/small.csv: is not there; write it with --update" in capsys.readouterr().err


def test_update_then_check(experiment, capsys):
    assert main(["check", experiment, "--update"]) == 0
    assert capsys.readouterr().out == "wrote results/baselines/small.csv\n"
    assert main(["check", experiment]) == 0
    assert capsys.readouterr().out == "small: all 2 cells are as in results/baselines/small.csv\n"


def test_what_moved_is_printed_and_written(experiment, tmp_path, capsys):
    assert main(["check", experiment, "--update", "--baseline", "here"]) == 0
    baseline = Path("here/small.csv")
    lines = baseline.read_text().splitlines()
    hits = lines[1].split(",")[lines[0].split(",").index("hits")]
    # The figure stands there twice: every request has one page.
    baseline.write_text(baseline.read_text().replace(f",{hits},", ",7,", 1))
    capsys.readouterr()
    assert main(["check", experiment, "--baseline", "here", "--junit", "j.xml", "--markdown", "m.md"]) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["cell", "metric", "obtained", "expected", "difference"]
    assert out[1].split("  ") == [CELL, "hits", *out[1].split("  ")[2:]]
    assert out[1].split()[-3:] == [hits, "7", f"+{int(hits) - 7}"]
    assert out[2] == "small: 1 of 2 cells are not as in here/small.csv; if that is meant, accept it with --update"

    suite = ElementTree.parse("j.xml").getroot()
    assert suite.attrib == {"name": "small", "tests": "2", "failures": "1"}
    cases = {case.get("name"): case for case in suite}
    assert cases[CELL].find("failure").get("message") == "moved: hits"
    assert [case.find("failure") is None for case in suite] == [False, True]

    text = Path("m.md").read_text()
    assert f"| {CELL} | hits | {hits} | 7 | +{int(hits) - 7} |" in text

    assert main(["check", experiment, "--baseline", "here", "--update"]) == 0
    assert main(["check", experiment, "--baseline", "here"]) == 0


@pytest.mark.parametrize("option", ["--junit", "--markdown"])
def test_the_verdict_is_told_even_where_its_files_cannot_be_written(experiment, capsys, option):
    assert main(["check", experiment, "--update"]) == 0
    capsys.readouterr()
    assert main(["check", experiment, option, f"{experiment}/x"]) == 2
    out, err = capsys.readouterr()
    assert out == "small: all 2 cells are as in results/baselines/small.csv\n"
    assert err.splitlines()[-1] == f"kvreplay: {experiment}: is in the way; move it, or write elsewhere"


def test_a_mistake_in_the_experiment_is_2(experiment):
    Path(experiment).write_text("name: small\n")
    assert main(["check", experiment]) == 2
