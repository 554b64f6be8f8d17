"""Runs that are killed, run out of room or meet policies that never end: what finished is kept, the rest is told."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
import yaml

from kvreplay.simulator.cli.main import main
from kvreplay.simulator.experiment import ExperimentError, open_results, run
from kvreplay.simulator.experiment.processes import in_processes

GRID = {
    "name": "grid",
    "trace": {"generate": "zipf", "requests": 100_000, "keys": 20_000},
    "policy": ["lru", "fifo", "random"],
    "capacity": [400 * n for n in range(1, 31)],
}
SMALL = {
    "name": "small",
    "trace": {"generate": "zipf", "requests": 2000, "keys": 100},
    "policy": ["lru", "fifo"],
    "capacity": [5, 10, 20],
    "windows": 5,
}
# FIFO, which does what it should only on the few pages of the trial that it first gets.
FAULTY = """
import time
from typing import NamedTuple
import numpy as np

class State(NamedTuple):
    queue: np.ndarray
    ends: np.ndarray
    is_endless: np.ndarray

def init(capacity, n_pages, *, fault: str = ""):
    if fault == "raises" and n_pages > 12:
        raise RuntimeError("no such luck")
    while fault == "never starts":
        time.sleep(0.01)
    is_endless = fault == "never ends" and n_pages > 12
    return State(np.zeros(capacity, np.int64), np.zeros(2, np.int64), np.array([is_endless]))

def on_hit(state, page, now):
    pass

def on_insert(state, page, now):
    state.queue[state.ends[1] % len(state.queue)] = page
    state.ends[1] += 1

def evict(state, now):
    while state.is_endless[0]:
        pass
    state.ends[0] += 1
    return state.queue[(state.ends[0] - 1) % len(state.queue)]
"""

# A process that has imported everything, and is forked for every run.
server = multiprocessing.get_context("forkserver")
server.set_forkserver_preload([__name__])


def start(work, *arguments) -> BaseProcess:
    process = server.Process(target=work, args=arguments)
    process.start()
    return process


def rows(folder: Path) -> bytes:
    return (folder / "rows.parquet").read_bytes()


def resume_grid(folder: Path) -> None:
    run(GRID, folder, resume=True, threads=1)


def test_twenty_kills_at_random_moments_change_no_row(tmp_path):
    run(GRID, tmp_path / "undisturbed")
    moments = random.Random(0)
    folders = [tmp_path / "0"]
    kept = killed = 0
    while killed < 20:
        process = start(resume_grid, folders[-1])
        process.join(moments.uniform(0, 0.4))
        killed += process.is_alive()
        process.kill()
        process.join()
        journal = folders[-1] / "cells.jsonl"
        finished = journal.read_bytes().count(b"\n") if journal.exists() else 0
        assert finished >= kept
        kept = finished
        if process.exitcode == 0:  # it was done before its time
            folders.append(tmp_path / str(len(folders)))
            kept = 0
    for folder in folders:
        assert run(GRID, folder, resume=True).run["status"] == "complete"
        assert rows(folder) == rows(tmp_path / "undisturbed")


def run_with_little_room(folder: Path) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
    sys.stderr = (folder / "stderr").open("w", buffering=1)
    sys.exit(main(["run", str(folder / "small.yaml"), "--out", str(folder / "out"), "--threads", "1"]))


def test_a_full_disk_is_named_and_keeps_what_has_finished(tmp_path):
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL, sort_keys=False))
    process = start(run_with_little_room, tmp_path)
    process.join()
    assert process.exitcode == 2
    last = (tmp_path / "stderr").read_text().splitlines()[-1]
    assert f"{tmp_path}/out/" in last
    assert "cannot be written: File too large" in last
    told = []
    results = run(SMALL, tmp_path / "out", resume=True, watch=told.append)
    assert 0 < len(told) < 6
    run(SMALL, tmp_path / "undisturbed")
    assert (results.run["status"], rows(tmp_path / "out")) == ("complete", rows(tmp_path / "undisturbed"))


def test_a_run_on_a_full_file_system_is_resumed_elsewhere(tmp_path):
    """A real one of 32 KiB, where this machine lets us mount it; the results are copied off it."""
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL | {"capacity": list(range(3, 60))}, sort_keys=False))
    code = "import sys; from kvreplay.simulator.cli.main import main; sys.exit(main())"
    script = f"""
        mkdir disk && mount -t tmpfs -o size=32k tmpfs disk || exit 77
        "{sys.executable}" -c '{code}' run small.yaml --out disk/out --threads 1; code=$?
        cp -r disk/out out; exit $code
    """
    if shutil.which("unshare") is None:
        pytest.skip("no unshare")
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    if done.returncode == 77 or "unshare failed" in done.stderr or "write failed" in done.stderr:
        pytest.skip("may not mount a file system")
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("kvreplay: disk/out/")
    assert "cannot be written: No space left on device" in last
    told = []
    run(str(tmp_path / "small.yaml"), tmp_path / "out", resume=True, watch=told.append)
    assert 0 < len(told) < 114
    run(str(tmp_path / "small.yaml"), tmp_path / "undisturbed")
    assert rows(tmp_path / "out") == rows(tmp_path / "undisturbed")


@pytest.fixture
def small(tmp_path, monkeypatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(SMALL, sort_keys=False))
    return "small.yaml"


@pytest.fixture
def read_only(tmp_path):
    """A folder that nobody may write to, root neither."""
    tmp_path.chmod(0o500)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(65534)
    yield tmp_path
    if is_root:
        os.seteuid(0)


def test_a_read_only_folder_is_told_before_anything_runs(read_only):
    told = []
    with pytest.raises(ExperimentError, match="cannot be written: Permission denied; choose another --out"):
        run(SMALL, read_only, watch=told.append)
    assert told == []


def test_a_folder_where_the_report_goes_is_told_before_anything_runs(small, capsys):
    Path("out/summary.md").mkdir(parents=True)
    assert main(["run", small, "--out", "out"]) == 2
    assert capsys.readouterr().err == (
        "kvreplay: out/summary.md: is in the way of the report (Is a directory); move it, or choose another --out\n"
    )
    assert Path("out/cells.jsonl").read_text() == ""


def test_a_second_run_in_the_same_folder_is_told_and_does_not_disturb_the_first(small, tmp_path, capsys):
    first = start(resume_grid, tmp_path / "out")
    while not (tmp_path / "out/cells.jsonl").exists():
        assert first.is_alive()
        time.sleep(0.001)
    os.kill(first.pid, signal.SIGSTOP)  # or it may be done before we look
    assert main(["run", small, "--out", "out"]) == 2
    message = "kvreplay: out: another run is writing here; wait, or choose another --out\n"
    assert capsys.readouterr().err == message
    os.kill(first.pid, signal.SIGCONT)
    first.join()
    assert (first.exitcode, open_results("out").run["status"], len(open_results("out").rows)) == (0, "complete", 90)


def test_a_clock_that_is_set_back_neither_ends_a_run_before_it_began_nor_makes_its_times_negative(
    tmp_path, monkeypatch
):
    seconds = iter(range(10_000, 0, -1))

    class Backwards(datetime):
        @classmethod
        def now(cls, zone=None):
            return datetime(2030, 1, 1, tzinfo=UTC) + timedelta(hours=next(seconds))

    monkeypatch.setattr("kvreplay.simulator.experiment.runner.datetime", Backwards)
    monkeypatch.setattr(time, "time", lambda: float(next(seconds)))
    results = run(SMALL, tmp_path)
    assert results.run["started"] <= results.run["finished"]
    assert results.timings["wall_seconds"].min() > 0


def test_policies_that_raise_or_never_end_fail_and_the_rest_finishes(small, tmp_path, capsys):
    (tmp_path / "faulty.py").write_text(FAULTY)
    faults = {"name": "faulty.py", "fault": ["", "raises", "never starts", "never ends"]}
    run(SMALL | {"policy": ["lru", "faulty.py"], "capacity": 5}, tmp_path / "warm")  # compiled: forks inherit it
    change = f"policy=[lru, {faults}]"
    assert main(["run", small, "--out", "out", "--set", change, "--set", "capacity=5", "--timeout", "4"]) == 3
    assert "3 of 5 cells failed; see out/run.json" in capsys.readouterr().err
    results = open_results("out")
    assert results.rows["policy"].to_list() == ["lru", "faulty.py:fault="]
    assert results.run["status"] == "failed"
    errors = [failure["error"] for failure in results.run["failed"]]
    assert errors[0].endswith("init() failed: RuntimeError: no such luck")
    assert errors[1:] == ["TimeoutError: took more than 4 s"] * 2
    places = [failure["traceback"] for failure in results.run["failed"]]
    assert 'raise RuntimeError("no such luck")' in places[0]
    assert "time.sleep(0.01)" in places[1]
    assert "self.advance(start, stop, self._hit)" in places[2]


def test_processes_give_the_rows_of_threads(tmp_path):
    run(SMALL, tmp_path / "threads")
    run(SMALL, tmp_path / "processes", timeout=60)
    assert rows(tmp_path / "threads") == rows(tmp_path / "processes")


class Cell:
    """What `in_processes` needs of one."""

    def __init__(self, replay) -> None:
        self.replay = replay


def test_a_cell_that_kills_its_process_fails_alone():
    cells = [Cell(lambda: 1), Cell(lambda: os._exit(7)), Cell(lambda: sys.exit("no")), Cell(lambda: 4)]
    outcomes = dict(in_processes(cells, 1, 60))
    assert (outcomes[0], outcomes[3]) == (1, 4)
    assert outcomes[1].error == "ChildProcessError: its process died, exit code 7"
    assert outcomes[2].error == "SystemExit: no"
