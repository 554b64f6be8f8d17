"""A Ray cluster gives the rows of a local run, whatever dies; policies from files travel as code."""

from __future__ import annotations

import pickle
import signal
import subprocess
import sys
import time

import pytest
import yaml

from kvreplay.simulator.experiment import ExperimentError, make_plan, run
from kvreplay.simulator.experiment.clocks import CLOCKS
from kvreplay.simulator.experiment.cost import in_worker
from kvreplay.simulator.experiment.ray_cluster import _origin, _portable
from kvreplay.traces import store
from kvreplay.traces.workloads import generate

from .test_faults import FAULTY, GRID, rows

pytest.importorskip("ray")

SMALL = {
    "name": "small",
    "trace": [
        {"generate": "zipf", "requests": 2000, "keys": 100},
        {"generate": "zipf_stream", "requests": 2000, "keys": 9},
    ],
    "policy": "lru",
    "capacity": [3, 5],
    "windows": 5,
}


@pytest.fixture(scope="module")
def cluster():
    """Two nodes of a core each, on this machine; the second may be taken away."""
    import ray
    from ray.cluster_utils import Cluster

    ray.shutdown()
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.second = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


def test_a_mapped_trace_is_told_by_its_folder(tmp_path):
    trace = generate("zipf", requests=100, keys=10)
    store.save(trace, tmp_path / "t.kvtrace")
    assert _origin(store.open_trace(tmp_path / "t.kvtrace")).folder == str(tmp_path / "t.kvtrace")
    assert _origin(trace).folder is None
    assert _origin(generate("zipf_stream", requests=100, keys=10)).folder is None


REMOTE = """
import pickle, sys
from kvreplay.simulator.experiment.ray_cluster import _outcome
packed, origins, version = pickle.load(sys.stdin.buffer)
sys.stdout.buffer.write(pickle.dumps([_outcome(packed, origin, None, version) for origin in origins]))
"""


def test_a_cell_travels_as_code_and_its_trace_by_the_folder_of_its_store(tmp_path):
    """Another process is the worker, which cannot see the policy's file, and draws its part of the trace itself."""
    from ray import cloudpickle

    (tmp_path / "faulty.py").write_text(FAULTY)
    store.save(generate("zipf", requests=2000, keys=100), tmp_path / "t.kvtrace")
    policy = str(tmp_path / "faulty.py")
    trace = {"load": str(tmp_path / "t.kvtrace"), "sample": 0.5, "part": 1}
    (cell,) = make_plan(SMALL | {"trace": trace, "policy": policy, "capacity": 10}).cells
    (tmp_path / "faulty.py").unlink()
    origin = _origin(cell.trace)
    origins = [origin, origin._replace(folder=None), origin._replace(content_hash="another")]
    arguments = pickle.dumps((cloudpickle.dumps(_portable(cell, cloudpickle)), origins, CLOCKS[cell.clock].version()))
    done = subprocess.run([sys.executable, "-c", REMOTE], input=arguments, stdout=subprocess.PIPE, check=True)
    found, *unseen = pickle.loads(done.stdout)
    assert found.row == cell.replay().row
    assert unseen == [None, None]


@pytest.mark.slow
def test_rows_are_those_of_a_local_run_also_for_mapped_and_generated_traces_and_policies_from_files(tmp_path):
    import ray

    (tmp_path / "faulty.py").write_text(FAULTY)
    store.save(generate("conversation", sessions=20), tmp_path / "t.kvtrace")
    policies = ["lru", {"name": str(tmp_path / "faulty.py"), "fault": ["", "raises"]}]
    traces = [*SMALL["trace"], {"load": str(tmp_path / "t.kvtrace")}]
    experiment = SMALL | {"trace": traces, "policy": policies, "capacity": 5}
    local = run(experiment, tmp_path / "local")
    ray.init(address="local", num_cpus=1, include_dashboard=False, log_to_driver=False)
    try:
        remote = run(experiment, tmp_path / "ray", engine="ray")
    finally:
        ray.shutdown()
    assert rows(tmp_path / "ray") == rows(tmp_path / "local")
    errors = [[failure["error"] for failure in results.run["failed"]] for results in (local, remote)]
    assert errors[0] == errors[1] != []


@pytest.mark.slow
def test_memory_bounds_the_cells_at_a_time_on_each_node(tmp_path, cluster):
    """Both nodes believe to have all memory of the machine, and are allowed that of one worker."""
    limit = in_worker(make_plan(SMALL).cells)[0] * 3 // 2
    started = []
    results = run(SMALL, tmp_path / "out", engine="ray", memory=limit, watch=started.append)
    assert (results.run["status"], len(started)) == ("complete", 4)
    assert 50 << 20 < results.run["peak_memory"] < 2 << 30
    with pytest.raises(ExperimentError, match=r"needs \d+ MiB, and 100 MiB are left of --memory"):
        run(SMALL, tmp_path / "no", engine="ray", memory=100 << 20)


@pytest.mark.slow
def test_a_node_that_dies_loses_only_the_cells_under_way(tmp_path, cluster):
    told = []

    def watch(progress) -> None:
        told.append(progress)
        if progress.finished == 20:
            cluster.remove_node(cluster.second, allow_graceful=False)

    results = run(GRID, tmp_path / "ray", engine="ray", watch=watch)
    assert (results.run["status"], len(told)) == ("complete", 90)
    run(GRID, tmp_path / "local")
    assert rows(tmp_path / "ray") == rows(tmp_path / "local")
    cluster.second = cluster.add_node(num_cpus=1)


@pytest.mark.slow
def test_a_driver_that_dies_is_resumed(tmp_path, cluster):
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(GRID, sort_keys=False))
    command = "import sys; from kvreplay.simulator.cli.main import main; sys.exit(main())"
    arguments = ["run", "grid.yaml", "--out", "out", "--engine", "ray", "--address", cluster.address]
    driver = subprocess.Popen([sys.executable, "-c", command, *arguments], cwd=tmp_path, stderr=subprocess.DEVNULL)
    journal = tmp_path / "out/cells.jsonl"
    deadline = time.monotonic() + 120
    while not (journal.exists() and journal.read_bytes().count(b"\n") >= 3):
        assert driver.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    told = []
    finished = journal.read_bytes().count(b"\n")
    run(GRID, tmp_path / "out", resume=True, engine="ray", watch=told.append)
    assert len(told) == 90 - finished
    run(GRID, tmp_path / "local")
    assert rows(tmp_path / "out") == rows(tmp_path / "local")


@pytest.mark.slow
def test_cells_that_never_end_or_kill_their_worker_fail(tmp_path, cluster):
    deadly = FAULTY.replace("time.sleep(0.01)", "__import__('os')._exit(1)").replace("never starts", "deadly")
    (tmp_path / "faulty.py").write_text(FAULTY)
    (tmp_path / "deadly.py").write_text(deadly)
    faults = [{"name": str(tmp_path / f"{name}.py"), "fault": fault} for name, fault in FATAL]
    results = run(SMALL | {"policy": ["lru", *faults], "capacity": 5}, tmp_path / "out", engine="ray", timeout=20)
    assert len(results.rows) == 2
    errors = [failure["error"] for failure in results.run["failed"]]
    assert errors == ["TimeoutError: took more than 20 s", "WorkerCrashedError: its worker died, 4 times"] * 2
    assert "time.sleep(0.01)" in results.run["failed"][0]["traceback"]


FATAL = (("faulty", "never starts"), ("deadly", "deadly"))
