"""kvreplay ui: what its pages tell of a folder of runs, and what they refuse."""

from __future__ import annotations

import html
import re
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvreplay.simulator.cli.main import main
from kvreplay.simulator.report import ReportError
from kvreplay.simulator.ui import make_server

from ..report.rows import grid, row, save

HOSTILE = "<script>alert('1')<-script>&\""


@contextmanager
def serving(folder):
    with make_server(folder) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def fetch(address, **headers):
    """(status, headers, text) of a page."""
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers)) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def words(page):
    """The visible text."""
    page = re.sub(r"<(style|script).*?</\1>", "", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A server of six folders, of which two hold no usable run, beside a secret."""
    outside = tmp_path_factory.mktemp("outside")
    results = outside / "results"
    (outside / "report.html").write_text("secret")
    save(outside / "elsewhere", [row()])
    (outside / "elsewhere" / "report.html").write_text("secret")
    commit = {"commit": "c0ffee00" * 5, "dirty": True}
    save(results / "before", grid(["lru", "sieve"]), finished="2026-01-02T03:04:05+00:00", provenance=commit)
    after = [r | {"hit_ratio": 0.9, "hits": 1800} if r["policy"] == "sieve" else r for r in grid(["lru", "sieve"])]
    after = [r for r in after if r["capacity"] != 400] + grid(["fifo"])
    save(results / "nested" / "after", after, finished="2026-01-03T00:00:00+00:00")
    (results / "nested" / "after" / "report.html").write_text("as written")
    save(results / HOSTILE, [row(HOSTILE, trace=HOSTILE)], status=HOSTILE, provenance={"commit": HOSTILE})
    (results / "before" / "report.html").symlink_to(outside / "report.html")
    save(results / "torn", [row()])
    (results / "torn" / "rows.parquet").write_bytes((results / "torn" / "rows.parquet").read_bytes()[:-9])
    (results / "half").mkdir()
    (results / "half" / "cells.jsonl").write_text('{"cell": "0')
    (results / "linked").symlink_to(outside / "elsewhere")
    with serving(results) as address:
        yield address


def test_every_run_is_listed_the_last_first_and_the_damaged_apart(site):
    status, _, page = fetch(site)
    text = words(page)
    assert status == 200
    assert "5 of 5 runs." in text
    places = [text.index(name) for name in ("nested/after complete", "before complete", "Damaged or not finished")]
    assert places == sorted(places)
    assert "before complete 6 of 6 2026-01-02 03:04 web lru, sieve c0ffee00, with changes" in text
    assert "rows.parquet: is damaged" in text
    assert "half: has no results; go on with --resume" in text
    assert "linked" not in text


@pytest.mark.parametrize(
    ("asked", "left"), [("SIEVE before", ["before"]), ("fifo", ["nested/after"]), ("damaged", []), ("no such", [])]
)
def test_words_filter_the_runs(site, asked, left):
    page = fetch(f"{site}?words={quote(asked)}")[2]
    assert re.findall(r'<a href="report[^>]*>([^<]*)</a>', page) == left
    assert f'value="{asked}"' in page


def test_a_report_that_is_there_is_shown_and_another_one_drawn(site):
    assert fetch(f"{site}report?run=nested/after")[2] == "as written"
    status, headers, page = fetch(f"{site}report?run=before")
    assert status == 200
    assert "explorer-data" in page  # and not what the link leads to
    assert headers["Content-Security-Policy"].startswith("sandbox allow-scripts; default-src 'none'")


def test_a_comparison_tells_what_moved_and_by_how_much(site):
    status, _, page = fetch(f"{site}compare?first=before&second=nested/after&metric=hit_ratio")
    text = words(page)
    assert status == 200
    # sieve hits 2 less than lru in each of 20 windows: 1179 of 2000 in 100 pages. Six cells are in one run only.
    moved = "#0, sieve, 100 pages"
    assert "page hit ratio: 2 better, 2 identical" in text
    assert "2 of 6 cells of the first run have no partner" in text
    assert re.search(r"web, sieve, 100 pages, independent, seed 0, 20 windows \+0\.3105 0\.5895 0\.9 hits", text), moved
    assert "7 cells" in text
    assert text.index("400 pages, independent, seed 0, 20 windows - a result missing") < text.index("+0.3105")


def test_a_run_beside_itself_is_identical(site):
    text = words(fetch(f"{site}compare?first=before&second=before")[2])
    assert "page hit ratio: 6 identical" in text
    assert "0 cells" in text


def test_runs_that_have_nothing_in_common_are_told_so(site):
    text = words(fetch(f"{site}compare?first=before&second={quote(HOSTILE)}")[2])
    assert "no two cells can be paired" in text


def test_hostile_names_stay_text(site):
    name = quote(HOSTILE)
    for page in ("", f"compare?first={name}&second={name}", f"?words={name}", f"report?run={name}x"):
        text = fetch(site + page)[2]
        assert "alert" in words(text)
        assert "<script>alert" not in text
        assert text.count("<script") == 1  # the switch of colours


@pytest.mark.parametrize(
    ("page", "status"),
    [
        ("report?run=../elsewhere", 404),
        ("report?run=linked", 404),
        ("report?run=..", 404),
        ("report?run=%2Fetc", 404),
        ("report", 404),
        ("../report.html", 404),
        ("before/report.html", 404),
        ("compare?first=before&second=..%2Felsewhere", 404),
        ("report?run=torn", 422),
        ("compare?first=torn&second=before", 422),
        ("compare?first=before&second=before&metric=hits", 422),
    ],
)
def test_what_is_no_run_is_refused(site, page, status):
    found, _, text = fetch(site + page)
    assert found == status
    assert "secret" not in text


@given(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(["report?run=", "", "compare?first="]),
)
def test_no_request_reads_anything_but_runs(site, name, page):
    status, _, text = fetch(site + page + quote(name, safe="/.%"))
    assert status in (200, 404, 422)
    assert "secret" not in text
    assert status != 200 or name in ("before", "nested/after", HOSTILE) or page + name in ("", "/", "//")


def test_other_hosts_and_other_methods_are_refused(site):
    assert fetch(site, Host="evil.example:80")[0] == 403
    assert fetch(site, Host="localhost:1234")[0] == 200
    with pytest.raises(urllib.error.HTTPError, match="501"):
        urllib.request.urlopen(site, data=b"")


def test_the_command_says_where_and_ends_with_ctrl_c(tmp_path, capsys, monkeypatch):
    def interrupted(server):
        raise KeyboardInterrupt

    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", interrupted)
    assert main(["ui", str(tmp_path), "--port", "0"]) == 0
    assert re.match(r"http://127\.0\.0\.1:\d+/ shows the runs in ", capsys.readouterr().out)


def test_mistakes_are_told(tmp_path, capsys):
    assert main(["ui", str(tmp_path / "none")]) == 2
    assert "none: is no folder; name one that holds runs" in capsys.readouterr().err
    with make_server(tmp_path) as server, pytest.raises(ReportError, match=f"port {server.server_port}: cannot be had"):
        make_server(tmp_path, server.server_port)
    with pytest.raises(ReportError, match="port 99999: cannot be had"):
        make_server(tmp_path, 99999)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1200])
def test_pages_fit_and_have_no_errors(tab, site, width, dark):
    for page in ("", "compare?first=before&second=nested/after"):
        tab.open(site + page, width, dark)
        assert tab.errors == []
        assert set(tab.requests) <= {site + page, f"{site}favicon.ico"}
        assert tab.run("document.documentElement.scrollWidth <= innerWidth")
        background = tab.run("getComputedStyle(document.body).backgroundColor")
        assert background == ("rgb(20, 24, 30)" if dark else "rgb(255, 255, 255)")


def test_a_report_works_in_its_sandbox(tab, site):
    tab.open(f"{site}report?run=before", dark=True)
    assert tab.errors == []
    tab.run("document.querySelector('.lines input[value=sieve]').click()")
    assert tab.run("location.hash").endswith("&without=sieve")
    assert tab.run("fetch('/').then(() => 'read', () => 'refused')") == "refused"


def test_two_runs_are_compared_by_the_keyboard(tab, site):
    tab.open(site)
    tab.run("document.querySelector('input[name=first]').focus()")
    tab.press("ArrowDown", "Tab", " ", "ArrowUp")
    chosen = tab.run("[...document.querySelectorAll('input:checked')].map(one => one.name + ' ' + one.value)")
    assert chosen == ["second nested/after", "first before"]
    tab.run("document.querySelector('form[action=compare] button').focus()")
    tab.follow("Enter")
    assert tab.run("document.querySelector('h1').textContent") == "nested/after against before"
