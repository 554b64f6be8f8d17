"""How fast servers are simulated, on traffic of different kinds; on the CPU clock and on the wall's."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

from kvreplay.traces import TraceError, generate, load
from kvreplay.traces.catalogue import locate
from kvreplay.traces.trace import Trace

from . import Row, aisimulate

_TABLE = "Simulated servers, the best of the rounds"
_MOONCAKE = "mooncake-conversation"
_TURNS = 4.232  # of a conversation, mean


def measure(*, rounds: int, requests: int, longest: int = 1_000_000) -> Iterator[Row]:
    """Replicas of Llama-3.1-8B on H100: the Mooncake trace if it is at hand, and generated conversations, of about
    `requests` requests, and of `longest`, once.

    Where AISimulate is installed, it replays the Mooncake trace, too: what it takes, and what it says.
    `steps` are those of the servers; `events` what was simulated for them, for many decode steps are one event.
    """
    with contextlib.suppress(TraceError):  # not on this machine
        yield _row(load(_MOONCAKE), rounds, replicas=4)
        yield _row(load(_MOONCAKE), rounds, replicas=4, router="cache-load")
        if aisimulate.is_installed():
            yield from _beside(rounds)
    chats = generate("conversation", sessions=max(round(requests / _TURNS), 1), seed=1)
    yield _row(chats, rounds, replicas=4)
    yield _row(chats, rounds, replicas=4, concurrency=1000)
    many = generate("conversation", sessions=max(round(longest / _TURNS), 1), seed=1)
    yield _row(many, 1, replicas=8, router="least-loaded")


def _beside(rounds: int) -> Iterator[Row]:
    """Both simulators on the Mooncake trace, with the same batch limits. Theirs is timed from the start of its process,
    and as it says itself; ours with reading and replaying, in this process."""
    from kvreplay.simulator.serving import simulate
    from kvreplay.simulator.serving.model import get_model

    sequences, batched = 256, 8192
    table = "Mooncake's conversations on 4 H100 of Llama-3.1-8B; times and hits are modelled by either"
    limits = {"replicas": 4, "max_num_seqs": sequences, "max_num_batched_tokens": batched}
    best, row = (float("inf"), float("inf")), {}
    for _ in range(rounds):
        start, started = time.perf_counter(), time.process_time()
        row = simulate(load(_MOONCAKE), **limits).row
        best = min(best, (time.process_time() - started, time.perf_counter() - start))
    ours = {"CPU seconds": best[0], "wall seconds": best[1], "wall, as it says": None}
    names = {"ttft mean, s": "ttft_mean", "ttft p50, s": "ttft_p50", "tpot mean, s": "tpot_mean"}
    ours |= {head: row[name] for head, name in names.items()} | {"token hit ratio": row["token_hit_ratio"]}
    yield Row(table, {"simulator": "kvreplay", **ours})
    found = min(
        (
            aisimulate.predict(locate(_MOONCAKE), get_model("llama-3.1-8b"), "h100", 4, sequences, batched)
            for _ in range(rounds)
        ),
        key=lambda prediction: prediction.cpu,
    )
    theirs = {"CPU seconds": found.cpu, "wall seconds": found.wall, "wall, as it says": found.own_wall}
    told = {"ttft mean, s": "mean_ttft_ms", "ttft p50, s": "median_ttft_ms", "tpot mean, s": "mean_tpot_ms"}
    theirs |= {head: found.figures[name] / 1e3 for head, name in told.items()}
    theirs["token hit ratio"] = found.figures["first_admission_prefix_cache_reused_ratio"]
    yield Row(table, {"simulator": "AISimulate", **theirs})


def _row(trace: Trace, rounds: int, **settings: Any) -> Row:
    from kvreplay.simulator.serving import simulate

    cpu = wall = float("inf")
    for _ in range(rounds):
        start, started = time.perf_counter(), time.process_time()
        simulation = simulate(trace, **settings)
        cpu, wall = min(cpu, time.process_time() - started), min(wall, time.perf_counter() - start)
    steps = simulation.steps
    served = int(steps["steps"].sum())
    return Row(
        _TABLE,
        {
            "trace": trace.name.split(":")[0],
            "settings": ", ".join(f"{name} {value}" for name, value in settings.items()),
            "requests": trace.n_requests,
            "simulated seconds": simulation.row["seconds"],
            "steps": served,
            "events": len(steps),
            "CPU seconds": cpu,
            "wall seconds": wall,
            "requests/CPU second": trace.n_requests / cpu,
            "requests/wall second": trace.n_requests / wall,
        },
    )
