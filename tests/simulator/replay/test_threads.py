"""Threads: every item comes out once, with its result or what it raised, and nobody waits for a hanging one."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from kvreplay.simulator.replay.threads import in_threads


@pytest.mark.parametrize("threads", [1, 3])
def test_every_item_comes_out_once(threads):
    def work(item: int) -> int:
        if item % 3 == 0:
            raise SystemExit(item)
        return item * item

    outcomes = dict(in_threads(work, range(20), threads))
    assert {n: o for n, o in outcomes.items() if n % 3} == {n: n * n for n in range(20) if n % 3}
    assert [outcomes[n].code for n in range(0, 20, 3)] == list(range(0, 20, 3))


def test_nothing_to_do():
    assert list(in_threads(str, [])) == []


def test_ctrl_c_is_noticed_while_an_item_hangs():
    # polars restarts interrupted system calls: a wait without end would never see the signal.
    program = (
        "import polars, time; from kvreplay.simulator.replay.threads import in_threads\n"
        "print('ready', flush=True)\nlist(in_threads(time.sleep, [60]))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert b"KeyboardInterrupt" in errors
