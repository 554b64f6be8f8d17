"""The shell of action.yml, run as GitHub runs it, but on this machine and with a `gh` that only writes down."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ACTION = yaml.safe_load((Path(__file__).parents[1] / "action.yml").read_text())
GATE = """
name: gate
trace: {generate: repetitive, requests: 200, questions: 20}
policy: lru
capacity: 50%
"""


@pytest.fixture
def job(tmp_path):
    """Runs the step of a name, and returns its exit code."""
    (tmp_path / "gate.yaml").write_text(GATE)
    (tmp_path / "bin").mkdir()
    gh = tmp_path / "bin/gh"
    gh.write_text(
        '#!/bin/sh\necho "$@" >> "$RUNNER_TEMP/calls"\ncase "$*" in *--jq*) cat "$RUNNER_TEMP/comments";; esac\n'
    )
    gh.chmod(0o755)
    (tmp_path / "comments").write_text("")

    def run(step, **env):
        script = next(s["run"] for s in ACTION["runs"]["steps"] if s.get("name") == step)
        path = f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        env = {
            "RUNNER_TEMP": ".",
            "GITHUB_STEP_SUMMARY": "summary.md",
            "BASELINE": "b",
            "EXPERIMENT": "gate.yaml",
        } | env
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            env=os.environ | {"PATH": path, "COMMENTS": "repos/o/r/issues/7/comments"} | env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        return done.returncode

    run.folder = tmp_path
    return run


def test_a_moved_figure_fails_the_job_and_is_told_on_the_pull_request(job):
    kvreplay = Path(sys.executable).with_name("kvreplay")
    update = [kvreplay, "check", "gate.yaml", "--baseline", "b", "--update"]
    subprocess.run(update, cwd=job.folder, check=True, capture_output=True)
    assert job("check") == 0
    (job.folder / "gate.yaml").write_text(GATE.replace("questions: 20", "questions: 40"))
    (job.folder / "summary.md").unlink()
    assert job("check") == 1
    summary = (job.folder / "summary.md").read_text()
    assert "lru" in summary

    assert job("comment") == 0
    calls = (job.folder / "calls").read_text().splitlines()
    assert calls[-1] == "api repos/o/r/issues/7/comments -F body=@./comment.md"
    assert (job.folder / "comment.md").read_text() == "<!-- kvreplay check gate.yaml -->\n" + summary

    (job.folder / "comments").write_text("3\tthanks\n9\t<!-- kvreplay check gate.yaml -->\\nold\n")
    assert job("comment") == 0
    calls = (job.folder / "calls").read_text().splitlines()
    assert calls[-1] == "api --method PATCH repos/o/r/issues/comments/9 -F body=@./comment.md"


def test_bad_input_fails_the_job_without_a_comment(job):
    assert job("check", EXPERIMENT="missing.yaml") == 2
    assert job("comment") == 0
    assert not (job.folder / "calls").exists()


def test_every_input_that_is_used_is_declared():
    used = json.dumps(ACTION["runs"]).split("inputs.")[1:]
    assert {text.split()[0].rstrip("}") for text in used} == set(ACTION["inputs"])
