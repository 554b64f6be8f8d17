"""The command as a whole: what it tells, and how."""

from __future__ import annotations

import subprocess
import sys

import pytest

_WARNS = """
import sys, warnings
from kvreplay.simulator.cli import main, schema
schema.run = lambda args: warnings.warn("cache.bin: is cut short; computed again") or 0
sys.exit(main.main(["schema"]))
"""


def test_a_warning_is_a_line_that_shows_no_source():
    told = subprocess.run([sys.executable, "-c", _WARNS], capture_output=True, text=True, check=True)
    assert told.stderr == "kvreplay: cache.bin: is cut short; computed again\n"


@pytest.mark.parametrize(
    ("command", "extra"), [(["serve"], "serve"), (["calibrate", "--out", "costs.yaml"], "model")], ids=lambda c: c[0]
)
def test_without_torch_it_says_what_to_install(command, extra, tmp_path):
    source = f"import sys; sys.modules['torch'] = None; from kvreplay.simulator.cli.main import main; main({command})"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, cwd=tmp_path)
    needs = f"kvreplay: {command[0]}: needs torch, which is not installed; pip install 'kvreplay[{extra}]'\n"
    assert (done.stderr, list(tmp_path.iterdir())) == (needs, [])
