"""summary.md and report.html: complete, self-contained, harmless, whatever stands in the rows."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from kvreplay.simulator.report import ReportError, html, summary, write_report

from .rows import grid, row, save

HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(1)>'


class Page(HTMLParser):
    """The tags, ids, links and visible text of a page."""

    VOID = frozenset({"meta", "br", "img", "link", "hr", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.handlers: list[str] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "src", "xlink:href"):
                self.links.append(value)
            if name.startswith("on"):
                self.handlers.append(name)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_page_stands_alone(tmp_path):
    page = Page(html.page(save(tmp_path, grid(["belady", "lru", "sieve"]) + grid(["lru", "fifo"], trace="logs"))))
    assert page.open == []
    assert page.handlers == []
    assert not page.tags.keys() & {"link", "iframe", "img", "object", "embed"}
    # Only markers and clip paths within the page; every id is there once.
    assert all(link.startswith("#") for link in page.links)
    assert {link[1:] for link in page.links} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))
    assert page.tags["svg"] == 2 + 1 + 2 + 2 + 1  # the last is the explorer's


def test_page_begins_with_question_and_answer_then_pictures_then_tables_then_origin(tmp_path):
    run = {
        "experiment": {"question": "Is sieve better?", "policy": ["lru", "sieve"]},
        "provenance": {"version": "9.9", "dirty": True, "cpu": "Abacus <3000>"},
        "traces": [{"name": "web", "accesses": 2000, "meta": {"licence": "CC0"}}],
    }
    text = Page(html.page(save(tmp_path, grid(["sieve", "lru"]), **run))).text
    order = [
        "web-run",
        "Is sieve better?",
        "In all : sieve has the highest page hit ratio",
        "Page hit ratio against capacity",
        "by capacity in pages",
        "uncommitted changes yes",
        "accesses 2,000, licence CC0",
        "policy: - lru - sieve",
        "prompt tokens covered by prefix hits / all prompt tokens",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "Abacus <3000>" in text


def test_hostile_names_stay_text(tmp_path):
    rows = grid([HOSTILE, "lru", "belady"], trace=HOSTILE)
    run = {"experiment": {"question": HOSTILE, HOSTILE: [HOSTILE]}, "provenance": {HOSTILE: HOSTILE}}
    run["traces"] = [{"name": HOSTILE, "meta": {HOSTILE: HOSTILE}}]
    run["failed"] = [{"label": HOSTILE, "error": HOSTILE}]
    results = save(tmp_path, rows, **{**run, "name": HOSTILE})
    page = Page(html.page(results))
    assert page.tags["script"] == 4  # the data, and ours
    assert "img" not in page.tags
    assert page.handlers == []
    assert page.text.count(HOSTILE) > 15
    assert "<" not in summary.page(results)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row()],
        [row("belady")],
        [row(hits=[0, 0], evictions=0)],
        [row(hits=[100, 100])],
        [row("fifo", hit_ratio=None), row("lru", hit_ratio=float("nan"))],
        grid(["lru", "fifo"], capacities=[100]),
        grid(["fifo", "sieve"]),
        [row(series_pages=[], series_hits=[]), row("fifo", series_pages=[], series_hits=[])],
        [row(capacity=2**30, footprint=2**32, capacity_unit="bytes", peak_pages=None, peak_bytes=2**30)],
        [row(peak_pages=None), row("fifo", peak_pages=None)],
        [row(pages=[0, 100], hits=[0, 50])],
        grid([f"p{i}" for i in range(15)]),
    ],
    ids=[
        "no rows",
        "one row",
        "optimum only",
        "no hits",
        "all hits",
        "no value",
        "one capacity",
        "no bounds",
        "no series",
        "bytes",
        "no memory",
        "empty window",
        "15 policies",
    ],
)
def test_unusual_results_have_a_report(tmp_path, rows):
    results = save(tmp_path, rows)
    write_report(tmp_path)
    page = Page((tmp_path / "report.html").read_text())
    assert "Nothing to compare" in page.text or "page hit ratio" in page.text
    for policy in {r["policy"] for r in rows if r["hit_ratio"] == r["hit_ratio"] and r["hit_ratio"] is not None}:
        assert policy in page.text
        assert policy in summary.page(results)


def test_incomplete_results_say_so(tmp_path):
    failed = [{"label": "web, mine, 100 pages", "error": "PolicyError: mine.py:3: no"}]
    results = save(tmp_path, grid(["lru"]), failed=failed, cells=4)
    words = "Incomplete: 1 of 4 cells failed, the first being web, mine, 100 pages: PolicyError: mine.py:3: no"
    assert words in summary.page(results)
    assert words in Page(html.page(results)).text
    assert "the run was interrupted" in summary.page(save(tmp_path, [], status="interrupted"))


def test_same_rows_same_files_and_nothing_else(tmp_path):
    save(tmp_path, grid(["belady", "lru", "sieve"]))
    written = write_report(tmp_path)
    first = {path: path.read_bytes() for path in written}
    assert {path.suffix for path in written} == {".md", ".html", ".png", ".svg"}
    assert write_report(tmp_path) == written
    assert {path: path.read_bytes() for path in written} == first
    tables = {"rows.parquet", "timings.parquet", "run.json"}
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == tables | {path.name for path in written}


def test_unknown_metric_writes_nothing(tmp_path):
    save(tmp_path, grid(["lru"]))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ReportError, match="metric 'hits' is unknown"):
        write_report(tmp_path, "hits")
    assert sorted(tmp_path.rglob("*")) == before


def test_typical_report_is_small(tmp_path):
    policies = [
        "belady",
        "lru",
        "fifo",
        "lfu",
        "sieve",
        "s3-fifo",
        "random",
        "adaptive",
        "w-tinylfu",
        "w-tinylfu-80-20",
    ]
    rows = [r for i in range(8) for r in grid(policies, (100, 200, 400, 800, 900), trace=f"trace {i}")]
    assert len(html.page(save(tmp_path, rows)).encode()) < 1_500_000
