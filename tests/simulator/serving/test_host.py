"""Pages in host memory: what is loaded, how long that takes, and that loads take turns and run beside steps."""

from __future__ import annotations

import dataclasses

import pytest

from kvreplay.simulator.serving.cost import attended
from kvreplay.simulator.serving.engine import run
from kvreplay.simulator.serving.host import LINK_SHARE
from tests.simulator.serving.test_replica import COST, PAGE, server_of, trace_of

LOAD = PAGE * COST.model.kv_bytes_per_token / (LINK_SHARE * 64e9)  # seconds a page, over an H100's PCIe


def test_by_hand():
    """A prompt comes again after another took its pages: 4 of its 5 full pages are loaded, and 4 tokens computed."""
    trace = trace_of([0, 1, 2], [20, 20, 20], [1, 1, 1], [0, 1, 0])
    server = dataclasses.replace(server_of(5, 4, 64), host_pages=10)
    found = run(trace, server)
    assert found.hit_tokens.tolist() == [0, 0, 0]
    assert found.loaded_tokens.tolist() == [0, 0, 16]
    assert found.prefilled_tokens.tolist() == [20, 20, 4]
    assert found.first[2] - found.arrival[2] == pytest.approx(4 * LOAD + COST.step(4, attended(16, 4), 0, 0))


def test_what_left_the_host_too_is_computed():
    trace = trace_of([0, 1, 2], [20, 20, 20], [1, 1, 1], [0, 1, 0])
    found = run(trace, dataclasses.replace(server_of(5, 4, 64), host_pages=7))
    # Of the first prompt's five pages the two in front are left, because the last leaves first.
    assert found.loaded_tokens.tolist() == [0, 0, 8]


def test_loads_take_turns_and_others_run_meanwhile():
    """Over a link that takes a second a page: two prompts that load four pages each, and one that loads none."""
    slow = dataclasses.replace(COST, device=dataclasses.replace(COST.device, pcie=LOAD * COST.device.pcie))
    trace = trace_of([0, 1, 2, 3, 3, 3], [20, 20, 48, 20, 20, 4], [1, 1, 1, 1, 1, 5], [0, 1, 2, 0, 1, 3])
    found = run(trace, dataclasses.replace(server_of(12, 4, 64), cost=slow, host_pages=100))
    assert found.loaded_tokens.tolist() == [0, 0, 0, 16, 16, 0]
    last = COST.step(4, attended(16, 4), 0, 0)
    assert (found.first - found.arrival)[3:5].tolist() == pytest.approx([4 + last, 8 + last])
    assert found.end[5] < found.arrival[5] + 0.1
