"""What a simulation comes to: a row per request, and a row per second; all modelled. One row for the whole: `row`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import polars as pl

from kvreplay.traces.trace import Trace

from .recorder import Recorder

# Of every request: name -> meaning. Times are seconds since the first arrival; null where it did not come to that.
REQUESTS = {
    "request": "number in the trace",
    "session": "of the trace, where it has them",
    "intent": "of the trace, where it has them; -1: unknown",
    "tier": "in front, that answered it; null: none",
    "replica": "that served it; null: refused, or answered in front",
    "decoder": "the replica that decoded it, where that is another",
    "arrival": "s",
    "admission": "s, when its first prompt token was scheduled for the first time",
    "first_token": "s",
    "end": "s, of its last token",
    "prompt_tokens": "",
    "output_tokens": "",
    "hit_tokens": "of the prompt, cached at its first admission",
    "loaded_tokens": "of the prompt, brought from elsewhere then; and by where, in columns such as `host_tokens`",
    "prefilled_tokens": "computed, and computed again after preemptions, generated ones too",
    "preemptions": "",
    "queueing": "s from arrival to admission",
    "handover": "s from the first token until the replica that decodes has the keys and values",
    "ttft": "s from arrival to the first token",
    "tpot": "s between tokens after the first, mean",
    "e2e": "s from arrival to the end",
}
# States of the table of seconds, and the columns of steps that they come from.
_STATES = {"running": "running", **{name: f"{name}_pages" for name in ("held", "pinned", "saved", "idle")}}


def request_table(trace: Trace, recorder: Recorder, tiers: Sequence[str] = ()) -> pl.DataFrame:
    """The columns of REQUESTS. `tiers` are the names of those in front."""
    arrival, first, end, output = recorder.arrival, recorder.first, recorder.end, trace.output_tokens
    assert output is not None
    labels = {
        name: [None] * trace.n_requests if column is None else column
        for name, column in (("session", trace.session), ("intent", trace.intent))
    }
    columns = {
        "request": np.arange(trace.n_requests),
        **labels,
        "tier": [None if tier < 0 else tiers[tier] for tier in recorder.tier.tolist()],
        "replica": recorder.replica,
        "decoder": recorder.decoder,
        "arrival": arrival,
        "admission": recorder.admission,
        "first_token": first,
        "end": end,
        "prompt_tokens": trace.prompt_tokens,
        "output_tokens": output,
        "hit_tokens": recorder.hit_tokens,
        "loaded_tokens": sum(recorder.loaded_tokens.values(), np.zeros(trace.n_requests, np.int64)),
        **{f"{place}_tokens": tokens for place, tokens in recorder.loaded_tokens.items()},
        "prefilled_tokens": recorder.prefilled_tokens,
        "preemptions": recorder.preemptions,
        "queueing": recorder.admission - arrival,
        "handover": recorder.handover - first,
        **request_times(arrival, first, end, output),
    }
    table = pl.DataFrame(
        columns, schema_overrides=dict.fromkeys(labels, pl.Int32) | {"tier": pl.String}, nan_to_null=True
    )
    return table.with_columns(pl.col("replica", "decoder").replace(-1, None))


def request_times(arrival: np.ndarray, first: np.ndarray, end: np.ndarray, output: np.ndarray) -> dict[str, np.ndarray]:
    """ttft, tpot and e2e in seconds, (R,) float64 each; NaN where a request has none."""
    with np.errstate(invalid="ignore", divide="ignore"):
        per_token = np.where(output > 1, (end - first) / (output - 1), np.nan)
    return {"ttft": first - arrival, "tpot": per_token, "e2e": end - arrival}


def second_table(
    steps: pl.DataFrame, requests: pl.DataFrame, below: pl.DataFrame, replicas: int, pages: int
) -> pl.DataFrame:
    """What happened in every second, all replicas together.

    Flows (`arrivals`, `ends`, `prefill_tokens`, `output_tokens`, `busy`, the share of device time) are of the second;
    states (requests `running` and `waiting`; pages `held`, `pinned`, `saved`, `idle` and `free`, and `TIER_pages` in
    each tier below, where `below` has any) are those at its end. `waiting` are those that were never admitted yet. What
    a tier in front answers comes all at once.
    """
    happened = pl.concat([steps["end"], requests["arrival"], requests["end"]]).drop_nulls().to_numpy()
    seconds = max(int(np.ceil(happened.max())), 1) if len(happened) else 0
    edges = np.arange(seconds + 1, dtype=np.float64)
    flows = dict.fromkeys(("busy", "prefill_tokens", "output_tokens"), np.zeros(seconds))
    states = dict.fromkeys(_STATES, np.zeros(seconds, np.int64))
    for number in range(replicas):
        own = steps.filter(pl.col("replica") == number)
        if not len(own):
            continue
        start, end = own["start"].to_numpy(), own["end"].to_numpy()
        tokens = {name: own[name] for name in ("prefill_tokens", "output_tokens")}
        amounts = {"busy": (end - start) / replicas, **tokens}
        for name, amount in amounts.items():
            flows[name] = flows[name] + _per_second(start, end, np.asarray(amount), edges)
        states = {name: states[name] + state for name, state in _states(own, start, end, edges[1:]).items()}
    answered = requests.filter(pl.col("tier").is_not_null())
    at_once = np.histogram(answered["end"], edges, weights=answered["output_tokens"])[0]
    flows["output_tokens"] = flows["output_tokens"] + at_once
    arrivals, ends = (np.histogram(requests[name].drop_nulls().to_numpy(), edges)[0] for name in ("arrival", "end"))
    queued = requests.filter(pl.col("admission").is_not_null())
    came, went = (np.searchsorted(np.sort(queued[name]), edges[1:], "right") for name in ("arrival", "admission"))
    states = {"running": states.pop("running"), "waiting": came - went, **states}
    free = replicas * pages - states["held"] - states["idle"]
    tiers = {}
    if len(below):
        row = np.searchsorted(below["time"].to_numpy(), edges[1:], "right") - 1
        tiers = {name: np.where(row >= 0, below[name].to_numpy()[row], 0) for name in below.columns[1:]}
    return pl.DataFrame(
        {"second": edges[1:], "arrivals": arrivals, "ends": ends, **flows, **states, "free": free, **tiers}
    )


def verdict_of(arrival: np.ndarray, admission: np.ndarray) -> str:
    """ "unstable" where the queue grew as long as requests arrived, else "stable". Both (n,) seconds, by arrival.

    It did where the last request was admitted later than 5 % of the time of arrivals after the last arrival, and the
    mean time in the queue rose from each quarter of the requests to the next.
    """
    if len(arrival) < 4:
        return "stable"
    span, late = arrival[-1] - arrival[0], admission.max() - arrival[-1]
    means = [quarter.mean() for quarter in np.array_split(admission - arrival, 4)]
    growing = all(before < after for before, after in itertools.pairwise(means))
    return "unstable" if span > 0 and late > 0.05 * span and growing else "stable"


def _per_second(start: np.ndarray, end: np.ndarray, amount: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Amounts that accrue evenly from start to end, per interval between `edges`. Intervals do not overlap."""
    times = np.stack([start, end], axis=1).ravel()
    total = np.concatenate([[0], np.cumsum(amount)])
    sums = np.stack([total[:-1], total[1:]], axis=1).ravel()
    return np.diff(np.interp(edges, times, sums))


def _states(steps: pl.DataFrame, start: np.ndarray, end: np.ndarray, times: np.ndarray) -> dict[str, np.ndarray]:
    """The state of one replica at `times`. Between two steps it has no requests, and what was pinned is idle."""
    row = np.searchsorted(start, times, "right") - 1  # -1: before the first
    inside = (row >= 0) & (times <= end[row])
    last = {state: steps[column].to_numpy()[row] for state, column in _STATES.items()}
    found = {state: np.where(inside, values, 0) for state, values in last.items()}
    between = last["idle"] + last["pinned"]
    found["idle"] = np.where(inside, last["idle"], np.where(row >= 0, between, 0))
    return found
