"""The bench of shared pages fills its tables, and the memory in them is what counting by hand gives."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from kvreplay.simulator.bench import pages
from kvreplay.simulator.caches.pages.memory import shared_prefix_memory
from kvreplay.simulator.cli.main import main


@pytest.mark.parametrize(
    ("page_tokens", "whole", "common", "own"),
    [(1, 1_000, 800, 200), (16, 63, 50, 13), (64, 16, 12, 4)],  # of 800 tokens 12 pages of 64 are full
)
def test_memory_of_a_shared_prefix(page_tokens, whole, common, own):
    page_bytes = 2 * 100 * 4 * 128 * 2 * page_tokens
    memory = shared_prefix_memory(100, 1_000, 800, page_tokens=page_tokens, page_bytes=page_bytes)
    assert memory.plain == 100 * whole * page_bytes
    assert memory.shared == (common + 100 * own) * page_bytes
    assert memory.saved == 1 - memory.shared / memory.plain


def test_without_a_shared_prefix_nothing_is_saved():
    assert shared_prefix_memory(5, 100, 0, page_tokens=16, page_bytes=1).saved == 0


def test_every_table_is_filled(monkeypatch, capsys):
    monkeypatch.setattr(pages, "_PAGES", 1 << 13)
    assert main(["bench", "pages", "--rounds", "1", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    tables = Counter(row["table"].split(",")[0] for row in rows)
    assert list(tables.values()) == [3, 3, 4]
    assert list(tables)[:2] == ["Pool", "Prefix cache"]
    times = [row for row in rows if "us a page" in row["table"]]
    assert all(value > 0 for row in times for value in row.values() if not isinstance(value, str))
