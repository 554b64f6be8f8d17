"""The compile cache is a help, never a hindrance."""

from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import numpy as np
from kvreplay.simulator.replay import replay
from kvreplay.traces.trace import Trace
print(replay(Trace("t", np.array([0, 1, 0], np.uint32), 2), "lru", 2).row["hits"])
"""


def run(cache) -> subprocess.CompletedProcess:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    return subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)


def test_a_damaged_cache_is_made_again(tmp_path):
    assert run(tmp_path).stdout == "1\n"
    files = [file for file in tmp_path.rglob("*") if file.suffix in (".nbi", ".nbc")]
    assert files
    for number, file in enumerate(files):
        file.write_bytes([b"", b"rubbish", file.read_bytes()[:50]][number % 3])
    damaged = run(tmp_path)
    assert (damaged.returncode, damaged.stdout) == (0, "1\n")
    assert "is damaged" in damaged.stderr
    again = run(tmp_path)
    assert (again.returncode, again.stdout, again.stderr) == (0, "1\n", "")


def test_no_place_for_a_cache_is_no_error(tmp_path):
    (tmp_path / "file").write_text("")
    done = run(tmp_path / "file" / "below")
    assert (done.returncode, done.stdout) == (0, "1\n")
