"""A workload over 1, 2 and 4 ranks, which share their pages or do not: hits counted, throughput modelled from them.

Every rank is a process of a gloo group on this machine, with a `DistributedPageDirectory` and an LRU list of the pages
in its memory; where they share, what one has computed is read by the others. Its memory holds a quarter of the
workload's pages, so that more ranks cache more.

Throughput is modelled, as that of Llama-3.1-8B on an A100 for each rank: requests a second = ranks / mean device
seconds of a request, which are

    prefill of the prompt behind its hits, alone in a step
    + output tokens x step of 32 decoding sequences / 32
    + bytes read from other ranks / network bandwidth
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import NamedTuple

import numpy as np
import torch

from kvreplay.simulator.backends import PageLayout
from kvreplay.simulator.backends.distributed import DistributedPageDirectory, Get, LocalRanks, Put, Read, Release
from kvreplay.simulator.serving.cost import attended, step_cost
from kvreplay.traces.trace import Trace
from kvreplay.traces.workloads import generate

from . import Row

_LAYOUT = PageLayout(1, 1, 1, 4)  # hits do not depend on it
_WORKLOADS = {"conversation": {"sessions": 150, "page_tokens": 64}, "system_prompt": {"requests": 600}}
_MEMORY = 0.25  # of a workload's pages, in every rank
_DECODING = 32  # sequences in a step
_TABLE = f"Ranks, each with memory for {_MEMORY:.0%} of the pages; throughput modelled, claimed: 2 - 4 x with 4 devices"


class Served(NamedTuple):
    """What became of the requests of all ranks, in the order of the trace."""

    hits: np.ndarray  # (R,) pages of each that were cached, from its start
    remote: np.ndarray  # (R,) of these, read from another rank


def measure(*, rounds: int) -> Iterator[Row]:
    """Hits and modelled throughput by workload, routing and number of ranks. They are the same in every round: one."""
    for workload, settings in _WORKLOADS.items():
        trace = generate(workload, seed=0, **settings)
        capacity = max(1, round(_MEMORY * trace.n_pages))
        alone = request_seconds(trace, serve(trace, capacity, 1, "in turn", share=False))
        for routing in ("in turn", "by session") if trace.session is not None else ("in turn",):
            for ranks in (1, 2, 4):
                for share in (False, True)[:ranks]:
                    served = serve(trace, capacity, ranks, routing, share)
                    gain = ranks * alone / request_seconds(trace, served)
                    cells = {
                        "workload": workload,
                        "requests": routing,
                        "ranks": ranks,
                        "share": "yes" if share else "no",
                        "page hit ratio": served.hits.sum() / trace.n_accesses,
                        "of them remote": served.remote.sum() / served.hits.sum(),
                        "throughput, x of one rank": gain,
                    }
                    yield Row(_TABLE, cells)


def serve(trace: Trace, capacity: int, ranks: int, routing: str, share: bool) -> Served:
    """Replay `trace` over so many ranks of `capacity` pages each, requests going to them in turn or by session."""
    order = np.arange(trace.n_requests) if routing == "in turn" else trace.session
    assert order is not None
    mine = [np.flatnonzero(order % ranks == rank) for rank in range(ranks)]
    rounds = max(map(len, mine))
    pages, offsets = trace.pages, trace.offsets

    arguments = {}
    for rank in range(ranks):
        of = -1 if share else rank  # without sharing nobody has another's keys
        keys = [[b"%d/%d" % (of, page) for page in pages[offsets[i] : offsets[i + 1]]] for i in mine[rank]]
        arguments[rank] = capacity, keys + [[]] * (rounds - len(keys))
    with LocalRanks(ranks) as processes:
        counted = processes.call(_serve, arguments)
    served = np.zeros((trace.n_requests, 2), np.int64)
    for rank, requests in enumerate(mine):
        served[requests] = counted[rank][: len(requests)]
    return Served(*served.T)


def request_seconds(trace: Trace, served: Served, model: str = "llama-3.1-8b", device: str = "a100") -> float:
    """Mean device seconds of a request, modelled: see above."""
    assert trace.prompt_tokens is not None
    assert trace.output_tokens is not None
    assert trace.page_tokens is not None
    cost = step_cost(model, device)
    seconds = 0.0
    columns = (trace.prompt_tokens, trace.output_tokens, *served)
    for prompt, output, hits, remote in zip(*(column.tolist() for column in columns), strict=True):
        reused = min(hits * trace.page_tokens, prompt - 1)
        seconds += cost.step(prompt - reused, attended(reused, prompt - reused), 0, 0)
        seconds += output * cost.step(0, 0, _DECODING, _DECODING * (prompt + output / 2)) / _DECODING
        seconds += remote * trace.page_tokens * cost.model.kv_bytes_per_token / cost.device.network
    return seconds / trace.n_requests


def _serve(capacity: int, requests: list[list[bytes]]) -> np.ndarray:
    """(R, 2): hits of each request of this rank, and how many of them are remote."""
    directory = DistributedPageDirectory(_LAYOUT, capacity)
    cached: OrderedDict[bytes, int] = OrderedDict()  # pages in the memory of this rank, LRU first
    page = torch.zeros(directory.layout.shape, dtype=directory.layout.dtype)
    counted = np.zeros((len(requests), 2), np.int64)
    spare: list[int] = []  # pages held, but to no purpose
    for number, keys in enumerate(requests):
        ids = directory.step([*map(Get, keys), *map(Release, spare)])[: len(keys)]
        _touch(cached, reversed(directory.found))
        found = list(takewhile(lambda id: id is not None, ids))
        remote = [id for id in found if directory.owner(id) != directory.rank]
        counted[number] = len(found), len(remote)
        hits, missing = set(keys[: len(found)]), keys[len(found) :]
        leave = [key for key in cached if key not in hits][: max(len(missing) - directory.free, 0)]
        directory.step([*map(Read, remote), *(Release(cached.pop(key)) for key in leave)])
        spare = [id for id in ids if id is not None]
        for key, id in zip(missing, directory.step([Put(key, page) for key in missing]), strict=True):
            if id is not None and key not in cached and directory.owner(id) == directory.rank:
                cached[key] = id
            elif id is not None:
                spare.append(id)
        _touch(cached, reversed(keys))  # so that no page leaves before those behind it
    return counted


def _touch(cached: OrderedDict[bytes, int], keys: Iterable[bytes]) -> None:
    for key in keys:
        if key in cached:
            cached.move_to_end(key)
