"""Serves a trace with a real model, and makes the tables of a simulation from what was measured."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
import torch

from kvreplay.parameters import changed
from kvreplay.simulator.backends.metrics import of_pool, of_prefix_cache
from kvreplay.simulator.backends.metrics_file import watched
from kvreplay.simulator.backends.model import PagedModel
from kvreplay.simulator.replay.capacity import Capacity
from kvreplay.simulator.serving.row import row_of
from kvreplay.simulator.serving.simulation import Setup, Simulation
from kvreplay.traces.subset import subset
from kvreplay.traces.trace import Trace

from .engine import LiveFront, run
from .models import load_model
from .settings import measured_settings, prepare_measurement

KV_DTYPE = torch.bfloat16  # of pages, as `serving.model` has it
_REHEARSED = 2  # requests, with as many tokens of output

# Columns of a row that tell how a server is modelled.
_MODELLED = ("step_cost", "memory_utilization", "exact_seconds", "semantic_seconds", "dollars_per_million_tokens")


@dataclass(frozen=True, repr=False)
class Measurement(Simulation):
    """What a real server did: every time and every byte is measured, on this machine."""

    settings: dict[str, Any]  # those of `measured_settings`
    answers: list[np.ndarray | None]  # by request, (output,) int64 tokens each; None: refused

    @cached_property
    def requests(self) -> pl.DataFrame:
        """A row per request: the columns of `serving.figures.REQUESTS`, and behind them

        - `hit`: what it met: the tier that answered, ``prefix`` where pages of its prompt were found, or ``none``;
        - `reused_bytes`: of K/V that were found and not computed, `computed_bytes`: of K/V that were computed and kept.
        """
        found = pl.when(pl.col("hit_tokens") > 0).then(pl.lit("prefix")).otherwise(pl.lit("none"))
        # Every prefill gives a token, and the last one is not read any more.
        decoded = (pl.col("output_tokens") - 1 - pl.col("preemptions")).clip(0)
        computed = pl.when(pl.col("admission").is_null()).then(0).otherwise(pl.col("prefilled_tokens") + decoded)
        return super().requests.with_columns(
            hit=pl.coalesce("tier", found),
            reused_bytes=pl.col("hit_tokens") * self.setup.token_bytes,
            computed_bytes=computed * self.setup.token_bytes,
        )

    @cached_property
    def row(self) -> dict[str, Any]:
        """The columns of `replay.row`; null where they tell how a server is modelled."""
        own = {
            "clock": "measured",
            "serving": changed(measured_settings, self.settings),
            "device": f"this machine's {self.settings['run_on']}",
        }
        return row_of(self) | own | dict.fromkeys(_MODELLED)


def measure(
    trace: Trace,
    policy: Any = "lru",
    capacity: str | int | Capacity = "unlimited",
    *,
    seed: int = 0,
    windows: int = 100,
    warmup: float = 0.0,
    stack: Any = (),
    **settings: Any,
) -> Measurement:
    """Serve `trace` with a real model; the arguments are those of `serving.prepare`, with `measured_settings`.

    Pages of `capacity` hold bfloat16 K/V. The prompts' tokens are made up from page numbers: see `prompts`. Answers are
    greedy, as long as the trace says. A first request or two are served beforehand and not recorded, so that nothing is
    compiled while the clock runs.

    Raises ParameterError for settings that make no sense, TraceError for a trace without what they need, PolicyError,
    ModelError where a model's weights are not installed, and PageError where memory does not suffice.
    """
    arguments = {"seed": seed, "windows": windows, "warmup": warmup, "stack": stack}
    setup, checked = prepare_measurement(trace, policy, capacity, arguments, settings)
    torch.set_num_threads(checked["threads"])
    _serve(_rehearsal(setup), checked)
    return _serve(setup, checked)


def _rehearsal(setup: Setup) -> Setup:
    """The first requests alone, with little to generate and room for no more than the longer of them."""
    first = subset(setup.trace, np.arange(setup.trace.n_requests) < _REHEARSED)
    assert first.prompt_tokens is not None
    assert first.output_tokens is not None
    output = np.minimum(first.output_tokens, _REHEARSED).astype(np.int32)
    longest = -(-int((first.prompt_tokens + output).max(initial=1)) // setup.server.page_tokens)
    server = dataclasses.replace(setup.server, pages=min(setup.server.pages, longest))
    return dataclasses.replace(setup, trace=dataclasses.replace(first, output_tokens=output), server=server)


def _serve(setup: Setup, settings: dict[str, Any]) -> Measurement:
    trace, policy = setup.trace, setup.policy
    paged = PagedModel(
        load_model(settings["model"], device=settings["run_on"]),
        setup.server.pages,
        page_tokens=setup.server.page_tokens,
        policy=policy or "lru",
        kv_dtype=KV_DTYPE,
        trace=trace,
        seed=setup.seed,
    )
    front = LiveFront(trace, setup.stack, setup.seed, setup.warmed_up) if setup.stack.tiers else None
    with watched(lambda: (*of_pool(paged.pool), *of_prefix_cache(paged.sequences.cache))):
        recorder, answers = run(
            trace,
            paged,
            front=front,
            cached=policy is not None,
            most=settings["max_num_seqs"],
            rate=settings["rate"],
            concurrency=settings["concurrency"],
        )
    return Measurement(setup, recorder, front, settings, answers)
