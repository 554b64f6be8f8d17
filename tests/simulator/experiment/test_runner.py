"""Runs: the same rows whatever the threads, however often interrupted, and nothing lost."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import polars as pl
import pytest
import yaml

from kvreplay.simulator.experiment import ExperimentError, open_results, run
from kvreplay.simulator.experiment.store import open_journal
from kvreplay.simulator.replay import replay
from kvreplay.simulator.replay.row import COLUMNS, TIMINGS
from kvreplay.traces.workloads import generate

SMALL = {
    "name": "small",
    "trace": [
        {"generate": "zipf", "requests": 2000, "keys": [100, 200]},
        {"generate": "conversation", "sessions": 20},
    ],
    "policy": ["lru", "random", {"name": "w-tinylfu", "window": [0.01, 0.1]}, "belady"],
    "capacity": [5, "10%", "50%"],
    "seed": [0, 1],
    "windows": 7,
    "bytes_per_token": 1024,
}
# Long enough to be interrupted, and not long to wait for.
LONG = {
    "name": "long",
    "trace": {"generate": "zipf", "requests": 500_000, "keys": 50_000},
    "policy": ["lru", "fifo"],
    "capacity": [100 * n for n in range(1, 31)],
}


def test_rows_are_what_replay_gives_in_the_order_of_the_grid(tmp_path):
    results = run(SMALL, tmp_path / "out")
    assert results.rows.columns == ["cell", "trace_seed", "windows", "bytes_per_token", *COLUMNS]
    assert results.timings.columns == ["cell", *TIMINGS]
    assert results.timings["cell"].to_list() == results.rows["cell"].to_list()
    assert results.rows["cell"].n_unique() == len(results.rows) == 3 * 5 * 3 * 2
    trace = generate("zipf", requests=2000, keys=200)
    expected = replay(trace, "w-tinylfu:window=0.1", "10%", seed=1, windows=7, bytes_per_token=1024).row
    # zipf of 200 keys is the second of 3 traces, window 0.1 the fourth of 5 policies, 10 % the second of 3 capacities.
    row = results.rows.row(1 * 30 + 3 * 6 + 1 * 2 + 1, named=True)
    assert {name: row[name] for name in COLUMNS} == expected
    assert (row["trace_seed"], row["windows"], row["bytes_per_token"]) == (0, 7, 1024)


def test_warm_up_and_time_to_live_are_axes(tmp_path):
    experiment = {
        "name": "timed",
        "trace": {"generate": "conversation", "sessions": 20},
        "policy": "lru",
        "capacity": "20%",
        "warmup": [0, 0.5],
        "ttl": [None, 30],
    }
    rows = run(experiment, tmp_path / "out").rows.to_dicts()
    trace = generate("conversation", sessions=20)
    assert [(row["warmup"], row["ttl"]) for row in rows] == [(0, None), (0, 30), (0.5, None), (0.5, 30)]
    for row in rows:
        expected = replay(trace, "lru", "20%", warmup=row["warmup"], ttl=row["ttl"]).row
        assert {name: row[name] for name in COLUMNS} == expected
    assert len({row["hits"] for row in rows}) == 4


def test_the_folder_reads_back(tmp_path):
    results = run(SMALL, tmp_path / "out", overrides=["policy=lru"])
    again = open_results(tmp_path / "out")
    assert again.rows.equals(results.rows)
    assert again.timings.equals(results.timings)
    assert again.run == results.run
    assert again.run["status"] == "complete"
    assert again.run["experiment"] == SMALL | {"policy": "lru"}
    assert [trace["requests"] for trace in again.run["traces"]][:2] == [2000, 2000]
    assert again.to_pandas().shape == again.rows.shape
    assert not list(tmp_path.rglob(".partial*"))


def test_rows_are_the_same_bytes_on_any_number_of_threads(tmp_path):
    for threads in (1, 4):
        run(SMALL, tmp_path / str(threads), threads=threads)
    assert (tmp_path / "1/rows.parquet").read_bytes() == (tmp_path / "4/rows.parquet").read_bytes()


def test_a_sequence_of_resumed_runs_redoes_nothing(tmp_path):
    done = []
    for capacities in ([5], [5, 10], [10, 5]):
        told = []
        results = run(SMALL, tmp_path, overrides=[f"capacity={capacities}", "seed=0"], resume=True, watch=told.append)
        done.append(len(told))
        assert results.rows["capacity"].to_list()[: len(capacities)] == capacities
    assert done == [15, 15, 0]


def test_a_plain_run_replays_again_and_loses_nothing(tmp_path):
    run(SMALL, tmp_path, overrides=["policy=lru"])
    told = []
    run(SMALL, tmp_path, overrides=["policy=lru", "capacity=5"], watch=told.append)  # a mistake, say
    assert len(told) == 3 * 2
    assert len(open_results(tmp_path).rows) == 3 * 2
    told = []
    results = run(SMALL, tmp_path, overrides=["policy=lru"], resume=True, watch=told.append)
    assert (len(told), len(results.rows)) == (0, 18)


def test_a_mistake_in_the_experiment_leaves_the_folder_alone(tmp_path):
    run(SMALL, tmp_path, overrides=["policy=lru"])
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(ExperimentError):
        run(SMALL, tmp_path, overrides=["policy=nope"])
    with pytest.raises(ExperimentError):
        run(SMALL, tmp_path, overrides=["capacity=10000000"])
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_cell_that_raises_is_recorded_and_the_others_finish(tmp_path, monkeypatch):
    def failing(trace, policy, capacity, **options):
        if policy.name == "random":
            raise RuntimeError("out of luck")
        return replay(trace, policy, capacity, **options)

    monkeypatch.setattr("kvreplay.simulator.experiment.clocks.replay", failing)
    told = []
    results = run(SMALL, tmp_path, watch=told.append)
    assert results.run["status"] == "failed"
    assert len(results.run["failed"]) == 18
    assert len(results.rows) == 90 - 18
    assert "random" not in results.rows["policy"]
    failure = results.run["failed"][0]
    assert failure["error"] == "RuntimeError: out of luck"
    assert 'raise RuntimeError("out of luck")' in failure["traceback"]
    assert (
        failure["label"]
        == "zipf:requests=2000:keys=100 #0, random, 5 pages, independent, seed 0, 7 windows, 1024 B a token"
    )
    assert [p.error for p in told].count("RuntimeError: out of luck") == 18
    monkeypatch.undo()
    told.clear()
    results = run(SMALL, tmp_path, resume=True, watch=told.append)
    assert (len(told), results.run["status"], len(results.rows)) == (18, "complete", 90)


def test_progress_rises_to_the_end(tmp_path):
    told = []
    run(SMALL, tmp_path, watch=told.append)
    assert [p.finished for p in told] == list(range(1, 91))
    assert {p.total for p in told} == {90}
    shares = [p.share for p in told]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def start_and_signal(tmp_path: Path, number: int) -> tuple[int, str, int]:
    """Run LONG, send the signal once a few cells are finished; exit code, stderr, and cells finished by then."""
    experiment = tmp_path / "long.yaml"
    experiment.write_text(yaml.safe_dump(LONG, sort_keys=False))
    journal = tmp_path / "out/cells.jsonl"
    command = "import sys; from kvreplay.simulator.cli.main import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", command, "run", str(experiment), "--out", str(tmp_path / "out"), "--threads", "1"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 3):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    return process.returncode, stderr, journal.read_bytes().count(b"\n")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> bytes:
    """rows.parquet of LONG, run in one go."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run(LONG, folder)
    return (folder / "rows.parquet").read_bytes()


def test_a_killed_run_resumes_to_the_same_rows(tmp_path, undisturbed):
    code, _, finished = start_and_signal(tmp_path, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert 3 <= finished < 60
    with pytest.raises(ExperimentError, match="out: has no results; go on with --resume"):
        open_results(tmp_path / "out")
    told = []
    run(LONG, tmp_path / "out", resume=True, watch=told.append)
    assert len(told) == 60 - finished
    assert (tmp_path / "out/rows.parquet").read_bytes() == undisturbed


def test_ctrl_c_leaves_valid_results_that_resume_to_the_same_rows(tmp_path, undisturbed):
    code, stderr, finished = start_and_signal(tmp_path, signal.SIGINT)
    assert code == 130
    out = tmp_path / "out"
    assert stderr.splitlines()[-1] == (
        f"interrupted: what has finished is in {out}; go on with --resume, or report it with kvreplay report {out}"
    )
    assert not (out / "report.html").exists()
    results = open_results(tmp_path / "out")
    assert results.run["status"] == "interrupted"
    assert 3 <= finished < 60
    assert len(results.rows) == finished
    told = []
    run(LONG, tmp_path / "out", resume=True, watch=told.append)
    assert len(told) == 60 - finished
    assert (tmp_path / "out/rows.parquet").read_bytes() == undisturbed


def test_a_torn_last_line_is_redone_and_a_damaged_one_is_named(tmp_path):
    run(SMALL, tmp_path, overrides=["policy=lru"])
    journal = tmp_path / "cells.jsonl"
    whole = journal.read_text()
    journal.write_text(whole[:-100])
    told = []
    run(SMALL, tmp_path, overrides=["policy=lru"], resume=True, watch=told.append)
    assert len(told) == 1
    assert sorted(json.loads(line)["cell"] for line in journal.read_text().splitlines()) == sorted(
        json.loads(line)["cell"] for line in whole.splitlines()
    )
    journal.write_text("{torn\n" + whole)
    for _ in range(2):  # the folder is free again afterwards
        with pytest.raises(ExperimentError, match=rf"{journal}:1: is damaged; delete the line"):
            run(SMALL, tmp_path, resume=True)


@pytest.mark.parametrize(
    "change",
    [
        lambda line: b"[" * 100_000,
        lambda line: b"\xff" + line,
        lambda line: b"[]",
        lambda line: json.dumps({"cell": json.loads(line)["cell"]}).encode(),
        lambda line: json.dumps(json.loads(line) | {"cell": 5}).encode(),
        lambda line: json.dumps(json.loads(line) | {"row": {}}).encode(),
        lambda line: json.dumps(json.loads(line) | {"timings": None}).encode(),
        lambda line: re.sub(rb'"hits": \d+', b'"hits": "many"', line),
        lambda line: re.sub(rb'"hits": \d+', b'"hits": 1e3', line),
        lambda line: re.sub(rb'"series_hits": \[', b'"series_hits": [null, ', line),
    ],
)
def test_a_line_that_no_run_wrote_is_named(tmp_path, change):
    run(SMALL, tmp_path, overrides=["policy=lru", "capacity=5", "seed=0"])
    journal = tmp_path / "cells.jsonl"
    first, second, third = journal.read_bytes().splitlines()
    journal.write_bytes(b"\n".join([first, change(second), third, b""]))
    with pytest.raises(ExperimentError) as caught:
        run(SMALL, tmp_path, resume=True)
    assert str(caught.value) == f"{journal}:2: is damaged; delete the line"


def test_a_line_of_an_earlier_version_may_lack_a_column(tmp_path):
    run(SMALL, tmp_path, overrides=["policy=lru", "capacity=5", "seed=0"])
    journal = tmp_path / "cells.jsonl"
    journal.write_text(re.sub(r'"series_prefix_hits": \[[^]]*\], ', "", journal.read_text()))
    assert "series_prefix_hits" not in journal.read_text()
    with open_journal(tmp_path) as opened:
        assert len(opened.entries) == 3


def test_one_run_at_a_time_writes_to_a_folder(tmp_path):
    with open_journal(tmp_path), pytest.raises(ExperimentError, match="another run is writing here"):
        run(SMALL, tmp_path)
    run(SMALL, tmp_path, overrides=["policy=lru"])


def test_a_folder_that_cannot_be_written_is_told_before_anything_runs(tmp_path):
    (tmp_path / "file").write_text("")
    told = []
    with pytest.raises(ExperimentError, match=r"file/out: cannot be written: Not a directory; choose another --out"):
        run(SMALL, tmp_path / "file/out", watch=told.append)
    assert told == []


def test_a_failing_watcher_stops_the_threads(tmp_path):
    before = threading.active_count()

    def fail(progress):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(LONG, tmp_path, watch=fail)
    deadline = time.monotonic() + 30
    while threading.active_count() > before:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert open_results(tmp_path).run["status"] == "interrupted"


def test_results_that_are_not_there_or_damaged(tmp_path):
    with pytest.raises(ExperimentError, match="nothing: has no results; run the experiment first"):
        open_results(tmp_path / "nothing")
    run(SMALL, tmp_path, overrides=["policy=lru"])
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 not really PAR1")
    with pytest.raises(ExperimentError, match=r"is damaged \("):
        open_results(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        *("[]", "5", "null", "{", "\udcff", "[" * 100_000, '{"provenance": ' + "[" * 200 + "]" * 200 + "}"),
        *('{"experiment": 5}', '{"provenance": 5}', '{"traces": [5]}', '{"traces": {"a": 1}}'),
        *('{"traces": [{"meta": 5}]}', '{"failed": ["x"]}'),
    ],
)
def test_a_damaged_record_of_the_run_is_one_line(tmp_path, text):
    run(SMALL, tmp_path, overrides=["policy=lru", "capacity=5"])
    path = tmp_path / "run.json"
    path.write_text(text, errors="surrogateescape")
    with pytest.raises(ExperimentError) as caught:
        open_results(tmp_path)
    assert str(caught.value).startswith(f"{path}: is damaged (")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda rows: rows.with_columns(trace=pl.lit(None, pl.String)), "column 'trace' has a null"),
        (lambda rows: rows.drop("hits"), "column 'hits' is missing or not Int64"),
        (lambda rows: rows.with_columns(pl.col("hits").cast(pl.String)), "column 'hits' is missing or not Int64"),
    ],
)
def test_a_table_of_other_rows_is_one_line(tmp_path, change, expected):
    results = run(SMALL, tmp_path, overrides=["policy=lru", "capacity=5"])
    path = tmp_path / "rows.parquet"
    change(results.rows).write_parquet(path)
    with pytest.raises(ExperimentError) as caught:
        open_results(tmp_path)
    assert str(caught.value) == f"{path}: is damaged ({expected}); run the experiment with --resume"


def test_a_table_of_another_version_says_which_wrote_it(tmp_path):
    results = run(SMALL, tmp_path, overrides=["policy=lru", "capacity=5"])
    path, record = tmp_path / "rows.parquet", tmp_path / "run.json"
    results.rows.drop("hits").write_parquet(path)
    made = results.run["provenance"] | {"version": "0.0.9", "commit": "0123456789abcdef"}
    record.write_text(json.dumps(results.run | {"provenance": made}))
    with pytest.raises(ExperimentError) as caught:
        open_results(tmp_path)
    expected = "was written by kvreplay 0.0.9, commit 012345678 (column 'hits' is missing or not Int64)"
    assert str(caught.value) == f"{path}: {expected}; run the experiment with --resume"
    for unknown in ("{", "[]", '{"provenance": null}', '{"provenance": {"version": null}}'):
        record.write_text(unknown)
        with pytest.raises(ExperimentError, match=r"rows.parquet: is damaged \(column 'hits' is missing"):
            open_results(tmp_path)
    run(SMALL, tmp_path, overrides=["policy=lru", "capacity=5"], resume=True)
    assert open_results(tmp_path).rows.equals(results.rows)
