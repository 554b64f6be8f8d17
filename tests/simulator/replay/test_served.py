"""Policies that are a whole prefix cache: a user's own, what it may answer, and where it is refused."""

from __future__ import annotations

import numpy as np
import pytest

from kvreplay.policies import PolicyError, get
from kvreplay.simulator.cli.main import main
from kvreplay.simulator.replay import loops, replay
from kvreplay.simulator.replay.cell import Cell
from kvreplay.traces.trace import Trace

# Forgets everything when the pages of a request do not fit; keeps as many of them as do then.
FLUSH = """
from typing import NamedTuple
import numpy as np

class State(NamedTuple):
    cached: np.ndarray
    room: np.ndarray

def init(capacity, n_pages):
    return State(np.zeros(n_pages, np.uint8), np.array([capacity, capacity]))

def serve(state, pages, request):
    hits = removed = 0
    while hits < len(pages) and state.cached[pages[hits]]:
        hits += 1
    if len(pages) - hits > state.room[0]:
        removed = state.room[1] - state.room[0]
        state.room[0] = state.room[1]
        state.cached[:] = 0
        hits = 0
    added = min(len(pages) - hits, state.room[0])
    for page in pages[hits : hits + added]:
        state.cached[page] = 1
    state.room[0] -= added
    return hits, added, removed
"""


@pytest.fixture
def written(tmp_path):
    def write(text: str) -> str:
        file = tmp_path / "mine.py"
        file.write_text(text)
        return str(file)

    return write


def requests(*paths: str) -> Trace:
    """A letter a page; a page is known by the letters up to it."""
    ids: dict[str, int] = {}
    parent: list[int] = []
    pages = []
    for path in paths:
        for end in range(1, len(path) + 1):
            if path[:end] not in ids:
                parent.append(ids[path[: end - 1]] if end > 1 else -1)
            pages.append(ids.setdefault(path[:end], len(ids)))
    offsets = np.cumsum([0, *map(len, paths)])
    parents = np.array(parent, np.int32)
    return Trace("letters", np.array(pages, np.uint32), len(ids), page_offsets=offsets, parent=parents)


TRACE = requests("abc", "abd", "ab", "xyz", "abcd", "xyzuvwst", "xy")


@pytest.mark.parametrize("compiled", [True, False])
def test_a_user_s_cache_counts_by_request(written, compiled):
    cell = Cell(TRACE, get(written(FLUSH)), 5, "prefix", compiled=compiled)
    (*_, hit), *_ = cell.chunks(1)
    # abc and abd fit; xyz and each of the others clears the cache, and of the longest 5 pages stay.
    assert hit.tolist() == [*(0, 0, 0), *(1, 1, 0), *(1, 1), *[0] * 3, *[0] * 4, *[0] * 8, *(1, 1)]
    tally = cell.tally[[loops.USED, loops.EVICTIONS, loops.REJECTIONS, loops.PEAK]]
    assert tally.tolist() == [5, 4 + 3 + 4, 3, 5]


def test_rows_and_the_command_line_know_it(written, capsys):
    file = written(FLUSH)
    row = replay(TRACE, file, 5, reading="prefix").row
    assert (row["hits"], row["prefix_hits"], row["evictions"], row["peak_pages"]) == (6, 6, 11, 5)
    with pytest.raises(PolicyError, match=r"mine.py works in the prefix reading only; set reading: prefix"):
        replay(TRACE, file, 5)
    assert main(["policies", file]) == 0
    assert "works in the prefix reading only (--pages prefix)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("return hits, added, removed", "return hits + 1, added - 1, removed", 12, r"serve\(\) returned 1 hits"),
        ("return hits, added, removed", "return -1, added, removed", 12, r"serve\(\) returned -1 hits"),
        ("return hits, added, removed", "return len(pages) + 1, 0, 0", 12, "only pages that were requested before"),
        ("return hits, added, removed", "return hits, added, 0", 12, r"so that \d+ are cached"),
        ("return hits, added, removed", "return hits, added, removed + 1", 12, "so that -1 are cached"),
        ("return hits, added, removed", "return hits, len(pages) + 1, 1", 12, "or adds others than those missed"),
        ("return hits, added, removed", "return hits", 12, r"serve\(\) returned 0; return \(hits, pages added"),
        ("return hits, added, removed", "return hits, 0, 0.5", 12, r"serve\(\) returned \(0, 0, 0.5\); return"),
        ("state.cached[page] = 1", "state.cached[page + 12] = 1", 23, "IndexError"),
    ],
)
def test_mistakes_are_told_with_their_line(written, old, new, line, told):
    file = written(FLUSH.replace(old, new))
    with pytest.raises(PolicyError, match=f"mine.py:{line}: .*{told}"):
        replay(TRACE, file, 5, reading="prefix")


def test_an_index_beyond_an_array_is_found_where_only_the_trace_reaches_it(written):
    file = written(FLUSH.replace("np.zeros(n_pages, np.uint8)", "np.zeros(min(n_pages, 12), np.uint8)"))
    with pytest.raises(PolicyError, match=r"mine.py:23: IndexError"):
        replay(TRACE, file, 9, reading="prefix")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("def serve(state, pages, request)", "def serve(state, pages)", r"serve\(state, pages\) should be serve"),
        ("def init", "def evict(state, now): return 0\n\ndef init", r"defines serve\(\) and evict\(\)"),
        ("def serve(", "def answer(", r"defines no on_hit\(state, page, now\)"),
        ("hits = removed = 0", "hits = removed = len(np.zeros(3)) - 3", "allocates memory in a hook"),
    ],
)
def test_breaches_of_the_contract_are_told(written, old, new, told):
    with pytest.raises(PolicyError, match=told):
        replay(TRACE, written(FLUSH.replace(old, new)), 5, reading="prefix")
