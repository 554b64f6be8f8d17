"""`kvreplay compare`: what it prints, and what it says to a wrong call."""

from __future__ import annotations

import json

import pytest

from kvreplay.simulator.cli.main import main

from ..report.rows import row, save

FIRST = [row("lru", [30, 50] * 10), row("fifo", [20] * 20)]
SECOND = [row("lru", [36, 55] * 10), row("fifo", [20] * 20), row("lfu", [20] * 20)]


@pytest.fixture
def runs(tmp_path):
    save(tmp_path / "a", FIRST)
    save(tmp_path / "b", SECOND)
    return str(tmp_path / "a"), str(tmp_path / "b")


def test_two_runs(runs, capsys):
    assert main(["compare", *runs, "--metric", "hit_ratio"]) == 0
    out, err = capsys.readouterr()
    title, _, _, line = out.splitlines()
    assert title == "page hit ratio: 1 better, 1 identical"
    # Student's t(19) times the deviation of gains of 6 and 5 hits in 100, over the root of 20.
    expected = "web (independent) 100 pages lru 40.000 45.500 +5.500 ± 0.240 time blocks better"
    assert " ".join(line.split()) == expected
    assert err == "note: 1 of 3 cells of the second run have no partner, the first: web independent pages 100 lfu\n"


def test_two_policies_as_json(runs, capsys):
    assert main(["compare", runs[0], "--policy", "lru,fifo", "--metric", "hit_ratio", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert found["difference"] == pytest.approx(-0.2)
    assert (found["policy_a"], found["policy_b"], found["verdict"]) == ("lru", "fifo", "worse")
    assert found["capacity"] == 100


def test_every_metric_that_has_values_has_a_table(runs, capsys):
    assert main(["compare", *runs]) == 0
    assert "\nprefix hit ratio: " in capsys.readouterr().out
    assert main(["compare", *runs, "--metric", "request_mean_hit_ratio,byte_hit_ratio"]) == 0
    out = capsys.readouterr().out
    assert "request-mean hit ratio: " in out
    assert "byte hit ratio: " not in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{a}"], "what to compare? give two folders A B, or one folder and --policy P,Q"),
        (["{a}", "{b}", "--policy", "lru,fifo"], "what to compare?"),
        (["{a}", "--policy", "lru"], "what to compare?"),
        (["{a}", "--policy", "lru,fifi"], "policy 'fifi' is not in the results; did you mean 'fifo'?"),
        (["{a}", "{b}", "--metric", "hit"], "metric 'hit' is unknown"),
        (["{a}", "nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(runs, capsys, arguments, message):
    assert main(["compare", *(argument.format(a=runs[0], b=runs[1]) for argument in arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert message in err
