"""Claims of ranks that share pages: hits counted among processes, the throughput that they make modelled."""

from __future__ import annotations

from collections.abc import Iterator

from kvreplay.traces.workloads import generate

_SEEDS = range(3)


def ranks_gain(*, ranks: int, share: bool, routing: str, memory: float = 0.25, sessions: int = 60) -> Iterator[float]:
    """How many times as many requests `ranks` serve as one, by their page hit ratios, a figure per seed.

    Conversations, whose requests go to the ranks "in turn" or "by session"; each has room for a share `memory` of
    their pages.
    """
    from kvreplay.simulator.bench.ranks import request_seconds, serve

    for seed in _SEEDS:
        trace = generate("conversation", sessions=sessions, page_tokens=64, seed=seed)
        capacity = max(1, round(memory * trace.n_pages))
        one = request_seconds(trace, serve(trace, capacity, 1, "in turn", share=False))
        yield ranks * one / request_seconds(trace, serve(trace, capacity, ranks, routing, share))
