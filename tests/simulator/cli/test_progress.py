"""The progress line: what it shows, and that a run goes on where nobody reads it."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace

import pytest

from kvreplay.simulator.cli.progress import ProgressLine

HALF = SimpleNamespace(cell=None, error=None, finished=1, total=2, share=0.5)


class Gone(io.StringIO):
    """A stream whose reader went away."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.fixture
def closed():
    stream = io.StringIO()
    stream.close()
    return stream


def test_a_plain_line_elsewhere_than_on_a_terminal(capsys):
    ProgressLine()(HALF)
    assert capsys.readouterr().err.startswith("1 of 2 cells, ")


@pytest.mark.parametrize("stream", [None, Gone(), "closed"])
def test_a_stream_that_nobody_reads_stops_nothing(monkeypatch, closed, stream):
    watch = ProgressLine()
    monkeypatch.setattr(sys, "stderr", closed if stream == "closed" else stream)
    watch(HALF)
    ProgressLine()(HALF)
