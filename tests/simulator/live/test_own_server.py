"""Live replay against `kvreplay serve`: what real pages of a real model hit is what the simulation says."""

from __future__ import annotations

import kvreplay as kv
from kvreplay.simulator.live.replay import replay_live
from kvreplay.simulator.live.summary import cacheable_tokens
from kvreplay.simulator.server import running_server

PAGES = 82  # some leave before they are asked for again; the probes need 81 for a prompt of 1,280 bytes


def test_cached_tokens_of_serial_sending_are_the_simulated_ones(tmp_path):
    user, output = {"distribution": "lognormal", "mean": 60, "cv": 0.5}, {"distribution": "fixed", "mean": 1}
    trace = kv.generate("conversation", sessions=12, system_tokens=16, user=user, output=output, think=5, seed=1)
    with running_server(pages=PAGES, exact=0, drafts=0) as url:
        run = replay_live(trace, url, tmp_path, speed=1e6, connections=1)
    table = run.finished.sort("request")
    assert run.failures.total() == 0
    assert table["prompt_tokens"].to_list() == trace.prompt_tokens.tolist()
    simulated = kv.simulate(trace, policy="lru", capacity=PAGES, concurrency=1).requests
    assert table["cached_tokens"].to_list() == simulated["hit_tokens"].to_list()
    assert 0 < table["cached_tokens"].sum() < cacheable_tokens(trace, trace.n_requests).sum()
