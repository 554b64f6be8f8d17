"""`kvreplay plot` and `kvreplay report`: which files they write."""

from __future__ import annotations

import pytest

from kvreplay.simulator.cli.main import main

from ..report.rows import grid, save


@pytest.fixture
def run(tmp_path):
    save(tmp_path / "run", grid(["lru", "fifo"]) + grid(["lru", "fifo"], trace="logs"))
    return tmp_path / "run"


def test_plot_into_another_folder(run, tmp_path, capsys):
    out = tmp_path / "pictures"
    assert main(["plot", str(run), "--out", str(out), "--metric", "prefix_hit_ratio", "--trace", "logs"]) == 0
    printed = capsys.readouterr().out.split()
    assert sorted(printed) == sorted(map(str, out.iterdir()))
    svg = (out / "capacity-prefix_hit_ratio.svg").read_text()
    assert "prefix hit ratio against capacity" in svg
    assert "logs, independent pages" in svg
    assert "web" not in svg
    assert not (run / "plots").exists()


def test_report_makes_everything_again(run, capsys):
    assert main(["report", str(run)]) == 0
    printed = capsys.readouterr().out.split()
    assert {path.rpartition("/")[2] for path in printed} >= {"summary.md", "report.html", "capacity.png", "memory.svg"}
    assert (run / "report.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("command", ["plot", "report"])
def test_a_file_where_the_plots_go_is_named(run, capsys, command):
    (run / "plots").write_text("")
    assert main([command, str(run)]) == 2
    assert capsys.readouterr().err == f"kvreplay: {run / 'plots'}: is in the way; move it, or write elsewhere\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["plot", "{run}", "--trace", "log"], "trace 'log' is not in the results; did you mean 'logs'?"),
        (["plot", "{run}", "--metric", "byte_hit_ratoi"], "did you mean 'byte_hit_ratio'?"),
        (["report", "{run}", "--metric", "x"], "metric 'x' is unknown"),
        (["report", "{run}/nowhere"], "nowhere"),
    ],
)
def test_mistakes_are_one_line_and_exit_2(run, capsys, arguments, message):
    assert main([argument.format(run=run) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert message in err
