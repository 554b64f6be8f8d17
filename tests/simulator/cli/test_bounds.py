"""`kvreplay bounds`, and the shares of the way that `kvreplay replay` prints."""

from __future__ import annotations

import json

import pytest

from kvreplay.simulator.cli.main import main

# At capacity 1 LRU hits b alone; the optimum then keeps a, hits it twice and keeps c out.
KEYS = "a\nb\nb\na\nc\na\nc\na\n"


@pytest.fixture
def trace(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "keys.txt"
    path.write_text(KEYS)
    return str(path)


def test_bounds_print_the_optimum_and_the_share_of_each_policy(trace, capsys):
    assert main(["bounds", trace, "--capacity", "1", "--policy", "mru,belady-bypass"]) == 0
    title, header, _, *lines, note = capsys.readouterr().out.splitlines()
    assert title == "keys, independent pages: 8 page accesses, 3 pages"
    assert header.split("  ")[0] == "policy"
    # LRU: b. The optimum: b, and a twice.
    assert [line.split() for line in lines] == [
        ["lru", "1", "page", "1", "12.50", "%", "0.0", "%"],
        ["mru", "1", "page", "1", "12.50", "%", "0.0", "%"],
        ["belady-bypass", "1", "page", "3", "37.50", "%", "100.0", "%"],
        ["optimum", "1", "page", "3", "37.50", "%", "100.0", "%"],
    ]
    assert note == "of the way: from lru to the offline optimum, or to the upper bound on it"


def test_bounds_as_json_without_a_gap(trace, capsys):
    assert main(["bounds", trace, "--capacity", "1,unlimited", "--json"]) == 0
    small, large = map(json.loads, capsys.readouterr().out.splitlines())
    assert small["bounds"] == {"hits": {"lower": 3, "upper": 3}}
    assert large["bounds"] == {"hits": {"lower": 5, "upper": 5}}
    assert large["policies"] == {"lru": {"hits": {"count": 5, "way": None}}}


def test_bounds_by_size_lie_apart(tmp_path, capsys):
    path = tmp_path / "sized.csv"
    path.write_text("time,key,size\n0,a,3\n1,b,2\n2,b,2\n3,a,3\n")
    assert main(["bounds", str(path), "--capacity", "4B"]) == 0
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()[3:6]]
    assert lines == [
        "lru 4 B 1 25.00 % 0.0 % 20.00 % 0.0 %",
        "optimum, at least 4 B 1 25.00 % 0.0 % 20.00 % 0.0 %",
        "optimum, at most 4 B 2 50.00 % 100.0 % 50.00 % 100.0 %",
    ]


def test_replay_prints_shares_of_the_way_where_lru_and_the_optimum_ran(trace, capsys):
    title = "page hits: share of the way from lru to the offline optimum, by capacity in pages"
    assert main(["replay", trace, "--policy", "lru,mru,belady-bypass", "--capacity", "1"]) == 0
    *_, head, names, _, lru, mru, best = capsys.readouterr().out.splitlines()
    assert (head, names.split()) == (title, ["policy", "1"])
    assert [line.split() for line in (lru, mru, best)] == [
        ["lru", "0.0", "%"],
        ["mru", "0.0", "%"],
        ["belady-bypass", "100.0", "%"],
    ]
    assert main(["replay", trace, "--policy", "lru,mru", "--capacity", "1"]) == 0
    assert main(["replay", trace, "--policy", "lru,belady-bypass", "--capacity", "1", "--warmup", "0.5"]) == 0
    assert title not in capsys.readouterr().out


def test_bounds_of_nonsense(trace, capsys):
    assert main(["bounds", trace, "--pages", "prefix"]) == 2
    assert "do not form prefixes" in capsys.readouterr().err
