"""Hits among processes against replays of each rank's part of the trace, and against counting by sets."""

from __future__ import annotations

import json

import numpy as np
import pytest

import kvreplay
from kvreplay.simulator.bench import ranks
from kvreplay.simulator.cli.main import main
from kvreplay.traces.subset import subset
from kvreplay.traces.workloads import generate

TRACE = generate("conversation", sessions=15, page_tokens=64, seed=1)


@pytest.mark.parametrize(("count", "routing"), [(1, "in turn"), (2, "in turn"), (2, "by session")])
def test_ranks_that_share_nothing_are_caches_of_their_own(count, routing):
    capacity = TRACE.n_pages // 4
    served = ranks.serve(TRACE, capacity, count, routing, share=False)
    order = np.arange(TRACE.n_requests) if routing == "in turn" else TRACE.session
    parts = [subset(TRACE, order % count == rank) for rank in range(count)]
    hits = [kvreplay.replay(part, "lru", capacity, reading="prefix").row["hits"] for part in parts]
    assert served.hits.sum() == sum(hits)
    assert not served.remote.any()


def test_ranks_with_room_for_all_share_what_any_has_computed_before():
    served = ranks.serve(TRACE, TRACE.n_pages, 2, "in turn", share=True)
    owner: dict[int, int] = {}
    hits, remote = [], []
    for first in range(0, TRACE.n_requests, 2):  # those of a round do not see each other
        before = dict(owner)
        for rank, request in enumerate(range(first, min(first + 2, TRACE.n_requests))):
            pages = TRACE.pages[TRACE.offsets[request] : TRACE.offsets[request + 1]].tolist()
            hits.append(sum(page in before for page in pages))  # prefixes: those that are there are the first
            remote.append(sum(before.get(page, rank) != rank for page in pages))
            for page in pages:
                owner.setdefault(page, rank)
    assert (served.hits.tolist(), served.remote.tolist()) == (hits, remote)
    assert sum(remote) > 0


def test_time_is_saved_by_hits_and_spent_on_reading_remote_ones():
    pages = np.diff(TRACE.offsets)
    none = np.zeros(TRACE.n_requests, int)
    cold, warm, far = (
        ranks.request_seconds(TRACE, ranks.Served(*columns))
        for columns in ((none, none), (pages, none), (pages, pages))
    )
    assert warm < cold
    # Llama-3.1-8B: 131,072 bytes a token; 25 GB/s.
    assert far - warm == pytest.approx(pages.sum() * 64 * 131_072 / 25e9 / TRACE.n_requests)


def test_the_table_is_filled(monkeypatch, capsys):
    monkeypatch.setattr(ranks, "_WORKLOADS", {"conversation": {"sessions": 3, "page_tokens": 256}})
    assert main(["bench", "ranks", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["requests"], row["ranks"], row["share"]) for row in rows] == [
        (routing, count, share)
        for routing in ("in turn", "by session")
        for count, share in ((1, "no"), (2, "no"), (2, "yes"), (4, "no"), (4, "yes"))
    ]
    assert rows[0]["throughput, x of one rank"] == rows[5]["throughput, x of one rank"] == 1
