"""What reports say of servers with a clock, from rows made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from kvreplay.simulator.report import plot, servers, summary
from kvreplay.simulator.report.workloads import about_pages, workloads

from .rows import row, save, served


def test_a_line_says_what_a_server_differs_in_and_how_it_served():
    (table,) = servers.tables([*served(["lru", "fifo"]), row()])
    assert table.title == "web, modelled: llama-3.1-8b, h100"
    assert table.header[:6] == ["policy", "capacity", "rate", "verdict", "offered/s", "requests/s"]
    first, _, third = table.rows[:3]
    assert first[:6] == ["lru", "100", "1", "stable", "5", "5"]
    at = table.header.index("ttft p50, s")
    assert (first[at], third[at]) == ("0.500", "–"), "no latency of one that does not keep up"
    assert "loaded" not in table.header
    assert "hit or loaded" not in table.header
    assert servers.tables([row()]) == []


def test_the_quickest_server_is_named_with_its_hits():
    ((what, text),) = servers.answer(served(["lru", "fifo"]))
    assert what == "web, modelled, 10 requests/s", "the highest rate at which all keep up"
    assert text == (
        "of 4 servers the first token comes soonest, on average, from lru, 100 pages (1 s, token hit ratio 42.5 %), "
        "latest from fifo, 200 pages (1.05 s, token hit ratio 47.0 %)."
    )
    assert servers.answer([row()]) == []


def test_throughput_ends_where_the_servers_do(tmp_path):
    served_axes, first_token = plot(save(tmp_path, served(["lru"])), "load").axes
    drawn = [line.get_xydata().tolist() for line in served_axes.lines]
    assert [[5, 5], [10, 10], [20, 13]] in drawn
    assert [10, 10] in [list(line.get_xdata()) for line in served_axes.lines]
    assert [[5, 0.5], [10, 1.0]] in [line.get_xydata().tolist() for line in first_token.lines]


def test_replicas_are_points_of_one_line(tmp_path):
    rows = [
        row("lru", [4], clock="modelled", serving="", model="m", device="h100", replicas=count, rate=1.0)
        | {"verdict": "stable", "output_tokens_per_second": 100.0 * count**0.5}
        for count in (1, 4)
    ]
    (axes,) = plot(save(tmp_path, rows), "replicas").axes
    assert [text.get_text() for text in axes.texts] == ["h100"]
    assert any(np.array_equal(line.get_xydata(), [[1, 1], [4, 2]]) for line in axes.lines)


def test_what_devices_leave_of_themselves_is_no_capacity_to_choose(tmp_path):
    """Each device with its own two capacities and step costs: both are drawn, and named by the device alone."""
    rows = [
        r | {"device": device, "step_cost": cost, "capacity": share * r["capacity"]}
        for device, cost, share in (("h100", "fitted", 1), ("l40s", "typical", 3))
        for r in served(["lru"])
    ]
    assert servers.distinguishing(servers.one_capacity(rows)) == ["device", "rate"]
    assert [r["capacity"] for r in servers.one_capacity(rows)] == [200] * 3 + [600] * 3
    for axes in plot(save(tmp_path, rows), "load").axes:
        assert sorted(text.get_text() for text in axes.texts) == ["h100", "l40s"]


def test_servers_that_say_nothing_of_pages_are_no_workloads(tmp_path):
    alone = [r for r in served(["lru"]) if r["capacity"] == 100]
    results = save(tmp_path, alone)
    assert about_pages(workloads(results.rows)) == []
    assert "| rate | verdict |" in summary.page(results)


@pytest.mark.parametrize("kind", ["load", "latency", "ttft", "replicas"])
def test_replays_have_no_such_pictures(tmp_path, kind):
    with pytest.raises(ValueError, match=f"no row has a figure {kind} to show"):
        plot(save(tmp_path, [row(), row("fifo")]), kind)
