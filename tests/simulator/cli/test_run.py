"""kvreplay run: output, exit codes and progress, as a user meets them."""

from __future__ import annotations

import io
import json
import re

import polars as pl
import pytest
import yaml

from kvreplay.simulator.cli import progress
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.replay import replay

SMALL = {
    "name": "small",
    "question": "Does it run?",
    "trace": {"generate": "zipf", "requests": 2000, "keys": 100},
    "policy": ["lru", "random"],
    "capacity": [5, "20%"],
}


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL, sort_keys=False))
    return str(path)


def test_run_prints_the_table_and_the_report_s_path(experiment, tmp_path, capsys):
    assert main(["run", experiment, "--threads", "2"]) == 0
    out, err = capsys.readouterr()
    rows = pl.read_parquet(tmp_path / "results/small/rows.parquet")
    for row in rows.iter_rows(named=True):
        assert f"{100 * row['hit_ratio']:.2f}" in out
    assert out.splitlines()[-1] == "report: results/small/report.html"
    assert err.splitlines()[-1].startswith("4 of 4 cells")
    assert (tmp_path / "results/small/report.html").exists()
    assert "Does it run?" in (tmp_path / "results/small/summary.md").read_text()


def test_figures_of_the_run_are_kept_in_a_file(experiment, tmp_path, capsys):
    file = tmp_path / "run.prom"
    assert main(["run", experiment, "--metrics", str(file)]) == 0
    figures = dict(line.split() for line in file.read_text().splitlines() if not line.startswith("#"))
    assert figures == {
        "kvreplay_run_finished_cells_total": "4",
        "kvreplay_run_failed_cells_total": "0",
        "kvreplay_run_share": "1.0",
    }
    assert main(["run", experiment, "--metrics", str(file / "below")]) == 2
    assert "is in the way" in capsys.readouterr().err


def test_a_dry_run_lists_the_cells_and_writes_nothing(experiment, tmp_path, capsys):
    assert main(["run", experiment, "--dry-run", "--set", "seed=[0, 1]", "--threads", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    first = "zipf:requests=2000:keys=100 #0, lru, 5 pages, independent, seed 0, 100 windows"
    assert re.fullmatch(re.escape(first) + r": [0-9.e-]+ s, 0\.0 MiB", lines[0])
    assert len(lines) == 8 + 1
    assert lines[-1].startswith("8 cells on 3 threads: about 0 s and 0 MiB beside the program itself, of which 0 MiB")
    assert [path.name for path in tmp_path.iterdir()] == ["small.yaml"]


def test_every_mistake_is_printed_and_the_exit_code_is_2(experiment, tmp_path, capsys):
    assert main(["run", experiment, "--set", "policy=lrru", "--set", "capacity=0"]) == 2
    err = capsys.readouterr().err
    assert "--set policy=lrru: unknown policy 'lrru', did you mean 'lru'?" in err
    assert "--set capacity=0: capacity '0' is out of range" in err
    assert not (tmp_path / "results").exists()


def test_a_failing_cell_is_reported_and_the_exit_code_is_3(experiment, tmp_path, capsys, monkeypatch):
    def failing(trace, policy, capacity, **options):
        if policy.name == "random":
            raise RuntimeError("out of luck")
        return replay(trace, policy, capacity, **options)

    monkeypatch.setattr("kvreplay.simulator.experiment.clocks.replay", failing)
    assert main(["run", experiment, "--out", "elsewhere"]) == 3
    err = capsys.readouterr().err
    assert "failed: zipf:requests=2000:keys=100 #0, random, 5 pages" in err
    assert "2 of 4 cells failed; see elsewhere/run.json" in err
    assert len(json.loads((tmp_path / "elsewhere/run.json").read_text())["failed"]) == 2
    assert len(pl.read_parquet(tmp_path / "elsewhere/rows.parquet")) == 2


@pytest.mark.parametrize("threads", ["0", "-1", "many"])
def test_threads_must_be_positive(experiment, threads):
    with pytest.raises(SystemExit) as caught:
        main(["run", experiment, "--threads", threads])
    assert caught.value.code == 2


def test_schema_prints_json(capsys):
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["zip"]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Told:
    """What a run tells after each of four cells, of which the second failed."""

    class cell:
        label = "a cell"

    def __init__(self, finished: int) -> None:
        self.finished, self.total, self.share = finished, 4, finished / 4
        self.error = "RuntimeError: no" if finished == 2 else None


@pytest.fixture
def clock(monkeypatch):
    """A second passes between two looks at the clock."""
    seconds = iter(range(1000))
    monkeypatch.setattr("time.monotonic", lambda: float(next(seconds)))


@pytest.mark.usefixtures("clock")
def test_progress_on_a_terminal_is_one_line_that_changes(monkeypatch):
    monkeypatch.setattr("sys.stderr", Terminal())
    line = progress.ProgressLine()
    for finished in (1, 2, 3, 4):
        line(Told(finished))
    shown = progress.sys.stderr.getvalue().split("\r\x1b[K")
    assert shown == [
        "",
        "[########......................] 1 of 4 cells, 2 s, 6 s left",
        "failed: a cell: RuntimeError: no\n",
        "[###############...............] 2 of 4 cells, 4 s, 4 s left",
        "[######################........] 3 of 4 cells, 6 s, 2 s left",
        "[##############################] 4 of 4 cells, 8 s\n",
    ]


@pytest.mark.usefixtures("clock")
def test_progress_elsewhere_is_plain_lines(monkeypatch):
    monkeypatch.setattr("sys.stderr", io.StringIO())
    line = progress.ProgressLine()
    for finished in (1, 2, 3, 4):
        line(Told(finished))
    assert progress.sys.stderr.getvalue().splitlines() == [
        "1 of 4 cells, 1 s, 3 s left",
        "failed: a cell: RuntimeError: no",
        "2 of 4 cells, 2 s, 2 s left",
        "3 of 4 cells, 3 s, 1 s left",
        "4 of 4 cells, 4 s",
    ]


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59.6, "1:00"), (61, "1:01"), (3600 * 2 + 61, "2:01:01")])
def test_clock(seconds, text):
    assert progress.clock(seconds) == text


def test_memory_is_bounded_and_told(experiment, capsys):
    assert main(["run", experiment, "--memory", "50GiB"]) == 0
    assert re.fullmatch(r"peak memory: \d+ MiB, mapped files included", capsys.readouterr().out.splitlines()[-1])
    assert main(["run", experiment, "--memory", "1MiB"]) == 2
    assert "MiB, and 0 MiB are left of --memory beside the program" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["run", experiment, "--memory", "5%"])
    assert "'5%' is no size in bytes; write 4GiB or 500MB" in capsys.readouterr().err
