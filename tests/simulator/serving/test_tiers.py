"""Pages below the device's memory: what is loaded from where, how long that takes, and what the links move."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvreplay.parameters import ParameterError
from kvreplay.simulator.backends import PageLayout, codecs
from kvreplay.simulator.backends.tiers.break_even import break_even
from kvreplay.simulator.serving.cost import attended
from kvreplay.simulator.serving.engine import run
from kvreplay.simulator.serving.links import Hop, Link, Transfer
from kvreplay.simulator.serving.tiers import build, parse
from tests.simulator.serving.test_replica import COST, PAGE, server_of, tiers, trace_of, traffic

PAGE_BYTES = PAGE * COST.model.kv_bytes_per_token
PLAIN, STORED = 2**21, 1_064_960  # bytes of a page of 16 tokens: FACTS, and 8.125 bits an element
EACH, LATENCY = PAGE_BYTES / (0.8 * 64e9), 1e-5  # seconds a page, and more for all, over an H100's PCIe


def serve(trace, pages, below, **changes):
    return run(trace, dataclasses.replace(server_of(pages, 4, 64), tiers=below, fetch="always", **changes))


def tier(name="host", **changes):
    return parse([{name: {"gib": 1, "read_gbs": 1, "write_gbs": 1, "latency_ms": 0, **changes}}])


def test_by_hand():
    """A prompt comes again after another took its pages: 4 of its 5 full pages are loaded, and 4 tokens computed."""
    trace = trace_of([0, 1, 2], [20, 20, 20], [1, 1, 1], [0, 1, 0])
    found = serve(trace, 5, tiers(10))
    assert found.hit_tokens.tolist() == [0, 0, 0]
    assert found.loaded_tokens["host"].tolist() == [0, 0, 16]
    assert found.prefilled_tokens.tolist() == [20, 20, 4]
    last = COST.step(4, attended(16, 4), 0, 0)
    assert found.first[2] - found.arrival[2] == pytest.approx(LATENCY + 4 * EACH + last)
    assert found.moved["host_write"] == 10 * PAGE_BYTES
    assert found.moved["host_read"] == 4 * PAGE_BYTES


def test_what_leaves_a_tier_goes_to_the_next_and_comes_back_over_both_links():
    trace = trace_of([0, 1, 2], [20, 20, 20], [1, 1, 1], [0, 1, 0])
    found = serve(trace, 5, tiers(7))
    # Of the first prompt's five pages the two in front are left, because the last leaves first.
    assert found.loaded_tokens["host"].tolist() == [0, 0, 8]
    found = serve(trace, 5, tiers(7, 100))
    assert found.loaded_tokens["host"].tolist() == [0, 0, 8]
    assert found.loaded_tokens["ssd"].tolist() == [0, 0, 8]
    # What is loaded comes back into host memory over its way, and lets others leave for the SSD.
    assert found.moved["ssd_read"] == 2 * PAGE_BYTES
    assert found.moved["host_read"] == 4 * PAGE_BYTES
    assert found.moved["host_write"] == 11 * PAGE_BYTES  # the last page, computed again, lay on the SSD only


def test_the_pages_of_tiers_are_told_over_time():
    trace = trace_of([0, 1, 2], [20, 20, 20], [1, 1, 1], [0, 1, 0])
    below = serve(trace, 5, tiers(7, 100)).below()
    assert below.columns == ["time", "host_pages", "ssd_pages"]
    # The third prompt's pages are in both already; what comes back to host memory stays on the SSD.
    assert below["host_pages"].to_list() == [5, 7, 7]
    assert below["ssd_pages"].to_list()[:2] == [0, 3]
    assert below["time"].is_sorted()
    assert serve(trace, 5, ()).below().columns == ["time"]
    # Two replicas, each with a prompt of its own: host memories add up, what they share counts once.
    for shared in (False, True):
        own = serve(trace_of([0, 1], [20, 20], [1, 1], [0, 1]), 5, tier(shared=shared), replicas=2).below()
        assert own["host_pages"].to_list() == [5, 10]


def test_loads_take_turns_and_others_run_meanwhile():
    """Over a link that takes a second a page: two prompts that load four pages each, and one that loads none."""
    slow = tier(read_gbs=PAGE_BYTES / 1e9, write_gbs=1e3)
    trace = trace_of([0, 1, 2, 3, 3, 3], [20, 20, 48, 20, 20, 4], [1, 1, 1, 1, 1, 5], [0, 1, 2, 0, 1, 3])
    found = serve(trace, 12, slow)
    assert found.loaded_tokens["host"].tolist() == [0, 0, 0, 16, 16, 0]
    last = COST.step(4, attended(16, 4), 0, 0)
    assert (found.first - found.arrival)[3:5].tolist() == pytest.approx([4 + last, 8 + last])
    assert found.end[5] < found.arrival[5] + 0.1
    # Where computing is quicker, all is computed.
    cheaper = run(trace, dataclasses.replace(server_of(12, 4, 64), tiers=slow))
    assert cheaper.moved["host_read"] == 0
    assert cheaper.prefilled_tokens.tolist() == trace.prompt_tokens.tolist()


def test_a_page_cannot_be_loaded_before_it_is_written():
    trace = trace_of([0, 1, 2, 9], [20, 20, 20, 20], [1, 1, 1, 1], [0, 1, 0, 1])
    found = serve(trace, 5, tier(write_gbs=PAGE_BYTES / 1e9, read_gbs=1e3))  # a second a page
    assert found.loaded_tokens["host"].tolist() == [0, 0, 0, 0]
    later = trace_of([0, 1, 20], [20, 20, 20], [1, 1, 1], [0, 1, 0])
    assert serve(later, 5, tier(write_gbs=PAGE_BYTES / 1e9, read_gbs=1e3)).loaded_tokens["host"].tolist() == [0, 0, 16]


@pytest.mark.parametrize("seconds_a_page", [1e-2, 1e-3, 1e-7])
def test_layerwise_a_prompt_is_computed_while_its_layers_come(seconds_a_page):
    """The first layer arrives, and computing goes on at the pace of the slower of the two, a layer at a time."""
    trace = trace_of([0, 1, 2], [20, 20, 20], [1, 1, 1], [0, 1, 0])
    link = tier(read_gbs=PAGE_BYTES / seconds_a_page / 1e9, write_gbs=1e3)
    found = serve(trace, 5, link, layerwise=True)
    layers, compute = COST.model.layers, COST.step(4, attended(16, 4), 0, 0)
    loaded, done = 0.0, 0.0
    for _ in range(layers):
        loaded += 4 * seconds_a_page / layers
        done = max(loaded, done) + compute / layers
    assert found.first[2] - found.arrival[2] == pytest.approx(done)


@settings(max_examples=40, deadline=None)
@given(traffic(), st.booleans())
def test_tiers_of_no_capacity_change_nothing(case, layerwise):
    trace, server = case
    none = parse([{"host": {"gib": 0}}, {"ssd": {"gib": 0}}])
    found = run(trace, dataclasses.replace(server, tiers=none, layerwise=layerwise))
    assert found.digest() == run(trace, server).digest()


transfers = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), min_size=1, max_size=6)  # gap, pages


@settings(max_examples=100, deadline=None)
@given(transfers, st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), min_size=1, max_size=3))
def test_transfers_end_when_pages_that_are_moved_one_by_one_are_there(asked, links):
    """Page by page: each goes over every link in turn, which moves one at a time and those that were asked first."""
    path = [Hop((Link(str(i), 1.0, latency),), each) for i, (each, latency) in enumerate(links)]
    free = [0.0] * len(links)
    now = 0.0
    for gap, pages in asked:
        now += gap
        transfer = Transfer(now)
        transfer.add(path, pages)
        transfer.start()
        for _ in range(pages):
            there = now
            for i, (each, latency) in enumerate(links):
                free[i] = max(free[i], there) + each
                there = free[i] + latency
        assert transfer.end == pytest.approx(there)
    moved = sum(pages for _, pages in asked)
    assert [hop.links[0].moved for hop in path] == [moved * each for each, _ in links]


orders = st.lists(st.lists(st.integers(0, 9), max_size=6, unique=True), max_size=20)


@settings(max_examples=60, deadline=None)
@given(orders, st.lists(st.integers(1, 6), min_size=1, max_size=3))
def test_tiers_hold_what_lists_hold(stored, capacities):
    """LRU lists, the last the most recent: what leaves one is used in the next, and nothing is written twice."""
    gib = [capacity * PLAIN / 2**30 for capacity in capacities]
    specs = parse([{name: {"gib": size}} for name, size in zip(("host", "ssd", "remote"), gib, strict=False)])
    (own,) = build(specs, COST, page_tokens=16, known=10, replicas=1, seed=0)
    lists: list[list[int]] = [[] for _ in capacities]
    written = [0] * len(capacities)
    for pages in stored:
        own.store(pages, 0.0)
        coming = pages[::-1]
        for level, (held, capacity) in enumerate(zip(lists, capacities, strict=True)):
            new, left = set(), []
            for page in coming:
                if page in held:
                    held.remove(page)
                else:
                    new.add(page)
                held.append(page)
                if len(held) > capacity:
                    left.append(held.pop(0))
                    new.discard(left[-1])
            written[level] += len(new)
            coming = left
        for level, held in zip(own.levels, lists, strict=True):
            assert [level.pages.has(page, np.inf) for page in range(10)] == [page in held for page in range(10)]
    assert [level.write[-1].links[0].moved for level in own.levels] == [PLAIN * count for count in written]


def test_a_codec_takes_its_time_and_saves_its_bytes():
    (own,) = build(tier(codec="int8", codec_gbs=10), COST, 16, 4, replicas=1, seed=0)
    layout = PageLayout(layers=32, page_tokens=16, kv_heads=8, head_dim=128)
    assert codecs.get("int8", layout).row_bytes == STORED
    load = Transfer(0.0)
    load.add(own.levels[0].read, 1)
    assert load.end == pytest.approx(STORED / 1e9 + PLAIN / 10e9)


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_a_codec_pays_below_the_break_even_link(link_gbs, codec_gbs):
    ends = []
    for changes in ({}, {"codec": "int8", "codec_gbs": codec_gbs}):
        (own,) = build(tier(read_gbs=link_gbs, **changes), COST, 16, 4, replicas=1, seed=0)
        load = Transfer(0.0)
        load.add(own.levels[0].read, 1)
        ends.append(load.end)
    limit = break_even(PLAIN, STORED, 0.0, PLAIN / (1e9 * codec_gbs))
    assert (ends[1] < ends[0]) == (1e9 * link_gbs < limit)


def test_a_shared_tier_has_what_any_replica_computed():
    trace = trace_of([0, 1], [20, 20], [1, 1], [0, 0])
    for shared, loaded in ((True, [0, 16]), (False, [0, 0])):
        found = serve(trace, 5, tier("remote", shared=shared), replicas=2)
        assert found.loaded_tokens["remote"].tolist() == loaded


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("host", "tiers 'host': is no list"),
        (["host"], "tier 'host': is no name with settings"),
        ([{"host": {}}], "tier host: parameter 'gib' is required"),
        ([{"host": {"gib": -1}}], "tier host: parameter 'gib' is -1"),
        ([{"host": {"gib": 1, "read_gbs": 0}}], "tier host: parameter 'read_gbs' is 0"),
        ([{"host": {"gib": 1, "policy": "belady"}}], "policy belady needs to know a trace's future"),
        ([{"host": {"gib": 1, "codec": "int8"}}], "tier host: a codec takes time"),
        ([{"host": {"gib": 1}}, {"host": {"gib": 1}}], "tiers host, host: one is there twice"),
        ([{"prompt": {"gib": 1}}], "tier prompt: is the name of something else in the tables; give it another"),
        ([{"peer": {"gib": 1}}], "tier peer: is the name of something else"),
    ],
)
def test_mistakes(written, message):
    with pytest.raises(ParameterError, match=message):
        parse(written)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "cxl", "latency_ms": None}, "tier cxl: links.yaml has no such link"),
        ({"codec": "zstd", "codec_gbs": 1}, "tier host: what zstd saves depends on the data"),
        ({"codec": "int7", "codec_gbs": 1}, "codec 'int7': is unknown"),
    ],
)
def test_mistakes_that_show_when_it_is_built(changes, message):
    specs = tier(**changes)
    with pytest.raises(ValueError, match=message):
        build(specs, COST, 16, known=4, replicas=1, seed=0)
