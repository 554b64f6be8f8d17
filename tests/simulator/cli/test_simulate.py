"""kvreplay simulate: what it prints, and its exit codes."""

from __future__ import annotations

import json
import re

from kvreplay.simulator.cli.main import main

SOURCE = "generate:conversation:sessions=20:seed=1"


def test_it_prints_what_the_row_says(tmp_path, capsys):
    arguments = ["simulate", SOURCE, "--replicas", "2", "--slo-ttft", "0.5", "--set", "max_num_seqs=8"]
    assert main([*arguments, "--json", "--out", str(tmp_path)]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["replicas"], row["max_num_seqs"], row["slo_ttft"]) == (2, 8, 0.5)
    assert json.loads((tmp_path / "row.json").read_text()) == row
    assert main(arguments) == 0
    out = capsys.readouterr().out
    assert "2 x llama-3.1-8b, h100 each, modelled (step cost: fitted)" in out
    assert f"{1e3 * row['ttft_p99']:,.1f}" in out
    assert f"{row['slo_ratio']:.1%} of requests within the SLO" in out


def test_mistakes_are_one_line(capsys):
    assert main(["simulate", SOURCE, "--device", "h10"]) == 2
    assert capsys.readouterr().err == "kvreplay: unknown device 'h10', did you mean 'h100'?\n"
    assert main(["simulate", SOURCE, "--set", "max_num_seqs=x"]) == 2
    assert "parameter 'max_num_seqs' is 'x': input should be a valid integer" in capsys.readouterr().err
    assert main(["simulate", SOURCE, "--set", "trace=3"]) == 2
    assert capsys.readouterr().err == "kvreplay: --set trace: is no setting; give the trace itself\n"


def test_answers_in_front_are_told_with_those_that_are_wrong(capsys):
    stack = ["--set", "stack=[exact, semantic]"]
    assert main(["simulate", "generate:paraphrased:requests=100:intents=8", *stack]) == 0
    told = capsys.readouterr().out
    for line in (r"exact: \d of 100 lookups answered, 0 of them wrongly", r"semantic: .* wrongly \(precision [\d.]+\)"):
        assert re.search(f"^{line}$", told, re.MULTILINE)


def test_it_draws(tmp_path, capsys):
    assert main(["simulate", SOURCE, "--plot", str(tmp_path / "s.svg")]) == 0
    assert "KV memory" in (tmp_path / "s.svg").read_text()


def test_a_memory_that_is_too_small_for_every_request_is_a_verdict(tmp_path, capsys):
    plot = tmp_path / "nothing.png"
    files = ["--plot", str(plot), "--chrome-trace", str(tmp_path / "nothing.json")]
    assert main(["simulate", "generate:conversation:sessions=3", "--set", "capacity=3", *files]) == 0
    told = "nothing is served: every request needs more than the 3 pages of a replica\n"
    assert capsys.readouterr().out.endswith(f"{told}{plot} is not drawn\n")
    assert not plot.exists()
