"""The command as a whole: what it tells, and how."""

from __future__ import annotations

import subprocess
import sys

_WARNS = """
import sys, warnings
from kvreplay.simulator.cli import main, schema
schema.run = lambda args: warnings.warn("cache.bin: is cut short; computed again") or 0
sys.exit(main.main(["schema"]))
"""


def test_a_warning_is_a_line_that_shows_no_source():
    told = subprocess.run([sys.executable, "-c", _WARNS], capture_output=True, text=True, check=True)
    assert told.stderr == "kvreplay: cache.bin: is cut short; computed again\n"
