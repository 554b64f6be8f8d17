"""Serves a trace with a real model, and makes tables of what was measured."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import polars as pl
import torch
from annotated_types import Ge, Gt
from pydantic import AfterValidator

from kvreplay.parameters import check
from kvreplay.policies import PolicyError, get
from kvreplay.simulator.backends.model import Llama, PagedModel
from kvreplay.simulator.caches.stack import EMPTY, parse
from kvreplay.simulator.serving.figures import request_table
from kvreplay.traces.errors import TraceError
from kvreplay.traces.subset import subset
from kvreplay.traces.trace import Trace

from .engine import LiveFront, Run, run
from .models import load_model

_REHEARSED = 2  # requests, with as many tokens of output


@dataclass(frozen=True, repr=False)
class Measurement:
    """What a real model did with a trace. Times and bytes are measured, on this machine."""

    trace: Trace
    settings: dict[str, Any]
    run: Run
    page_bytes: int
    page_tokens: int

    @cached_property
    def requests(self) -> pl.DataFrame:
        """A row per request: the columns of `serving.figures.REQUESTS`, and behind them

        - `hit`: what it met: the tier that answered, ``prefix`` where pages of its prompt were found, or ``none``;
        - `reused_bytes`: of K/V that were found and not computed, `computed_bytes`: of K/V that were computed and kept.
        """
        table = request_table(self.trace, self.run.recorder, [tier.name for tier in self.settings["stack"].tiers])
        token_bytes = self.page_bytes // self.page_tokens
        found = pl.when(pl.col("hit_tokens") > 0).then(pl.lit("prefix")).otherwise(pl.lit("none"))
        # Every prefill gives a token, and the last one is not read any more.
        decoded = (pl.col("output_tokens") - 1 - pl.col("preemptions")).clip(0)
        computed = pl.when(pl.col("admission").is_null()).then(0).otherwise(pl.col("prefilled_tokens") + decoded)
        return table.with_columns(
            hit=pl.coalesce("tier", found),
            reused_bytes=pl.col("hit_tokens") * token_bytes,
            computed_bytes=computed * token_bytes,
        )

    @cached_property
    def steps(self) -> pl.DataFrame:
        """A row per step: the columns of `serving.recorder.STEPS`."""
        return self.run.recorder.steps()

    @property
    def answers(self) -> list[np.ndarray | None]:
        """By request, (output,) int64 tokens each; None: refused."""
        return self.run.answers

    def __repr__(self) -> str:
        return f"Measurement({self.trace.name}, {self.settings['policy']})"


def measure(trace: Trace, **settings: Any) -> Measurement:
    """Serve `trace` in real time; the settings are those of `measured_settings`.

    The prompts' tokens are made up from page numbers: see `prompts`. Answers are greedy, as long as the trace says.
    A first request or two are served beforehand and not recorded, so that nothing is compiled while the clock runs.

    Raises ParameterError for settings that make no sense, TraceError for a trace without what they need, PolicyError,
    ModelError for a model that is not there, and PageError where memory does not suffice.
    """
    checked = check(measured_settings, "measure", settings)
    if trace.prompt_tokens is None or trace.output_tokens is None:
        raise TraceError(f"{trace.name} has no prompt and output tokens", mend="use a trace of requests to a model")
    if trace.page_tokens is None or trace.parent is None:
        raise TraceError(f"{trace.name} has no pages of tokens that form prefixes", mend="use a trace with them")
    if trace.arrival is None and checked["concurrency"] is None:
        raise TraceError(f"{trace.name} has no arrival times", mend="set concurrency, for a closed loop")
    policy = get(checked["policy"] or "lru")
    if policy.needs & {"future", "requests"}:
        raise PolicyError(f"policy {policy.label} must know the order of requests, which here nobody does; use another")
    checked["stack"].fit(trace)
    torch.set_num_threads(checked["threads"])
    llama = checked["model"] if isinstance(checked["model"], Llama) else load_model(checked["model"])
    pages = (checked["kv_tokens"] or _tokens(trace)) // trace.page_tokens
    first = subset(trace, np.arange(trace.n_requests) < _REHEARSED)
    assert first.output_tokens is not None
    short = dataclasses.replace(first, output_tokens=np.minimum(first.output_tokens, _REHEARSED).astype(np.int32))
    _serve(short, llama, min(pages, _tokens(short) // trace.page_tokens), checked)
    served, page_bytes = _serve(trace, llama, pages, checked)
    return Measurement(trace, checked, served, page_bytes, trace.page_tokens)


def measured_settings(
    *,
    model: str | Llama = "smollm2-135m",
    policy: str | None = "lru",
    seed: int = 0,
    kv_tokens: Annotated[int, Ge(1)] | None = None,
    max_num_seqs: Annotated[int, Ge(1)] = 8,
    rate: Annotated[float, Gt(0)] = 1.0,
    concurrency: Annotated[int, Ge(1)] | None = None,
    stack: Annotated[Any, AfterValidator(parse)] = EMPTY,
    threads: Annotated[int, Ge(1)] = 1,
) -> None:
    """The settings of a measurement, as far as they go those of `serving.simulation.server_settings`.

    model: a name in models.yaml, see `models`, or a Llama. policy: which cached pages leave, any that decides by page;
    None: nothing is cached. kv_tokens: tokens in the pages that requests and cache share; default: as many as hold the
    whole trace. max_num_seqs: requests in one step. rate, concurrency: how requests arrive. stack: caches of whole
    answers in front. threads: of torch; with one, answers do not depend on what was found, to the bit.
    """


def _serve(trace: Trace, llama: Llama, pages: int, settings: dict[str, Any]) -> tuple[Run, int]:
    assert trace.page_tokens is not None
    paged = PagedModel(
        llama,
        pages,
        page_tokens=trace.page_tokens,
        policy=settings["policy"] or "lru",
        trace=trace,
        seed=settings["seed"],
    )
    served = run(
        trace,
        paged,
        front=LiveFront(trace, settings["stack"], settings["seed"]) if settings["stack"].tiers else None,
        cached=settings["policy"] is not None,
        most=settings["max_num_seqs"],
        rate=settings["rate"],
        concurrency=settings["concurrency"],
    )
    return served, paged.pool.layout.nbytes


def _tokens(trace: Trace) -> int:
    """What all pages of `trace` hold, and besides them the longest request."""
    assert trace.page_tokens is not None
    assert trace.prompt_tokens is not None
    assert trace.output_tokens is not None
    longest = int((trace.prompt_tokens + trace.output_tokens).max(initial=1))
    return trace.n_pages * trace.page_tokens + -(-longest // trace.page_tokens) * trace.page_tokens
