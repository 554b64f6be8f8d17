"""A recorded run of a real server against its simulation: how far off every latency is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kvreplay.traces.subset import subset
from kvreplay.traces.trace import Trace

from .figures import request_times
from .simulation import Simulation, simulate

COLUMNS = ("arrival", "prompt_tokens", "output_tokens", "first_token", "end")
OPTIONAL = ("request", "cached_tokens")  # its number in a trace, from 0; of its prompt, none where it is not known
LATENCIES = ("ttft", "tpot", "e2e")
PERCENTS = (50, 90, 99)


class RunError(ValueError):
    """A recorded run cannot be read."""


@dataclass(frozen=True)
class Validation:
    """A recorded run beside its simulation; latencies in seconds, by name, of the same requests in the same order.

    `token_hit_ratios` are both shares of the prompt tokens that were cached; the recorded one None where it is unknown.
    """

    simulation: Simulation
    recorded: dict[str, np.ndarray]
    simulated: dict[str, np.ndarray]
    token_hit_ratios: tuple[float | None, float]

    def rows(self) -> list[dict[str, Any]]:
        """Per latency: both means and percentiles, the relative error of each, and the Kolmogorov-Smirnov distance."""
        rows = []
        for name in LATENCIES:
            pair = {"recorded": self.recorded[name], "simulated": self.simulated[name]}
            if not all(len(values) for values in pair.values()):
                continue
            row: dict[str, Any] = {"latency": name, "requests": len(pair["recorded"])}
            for figure in ("mean", *(f"p{percent}" for percent in PERCENTS)):
                one, other = (_figure(values, figure) for values in pair.values())
                row |= {f"{figure}_recorded": one, f"{figure}_simulated": other, f"{figure}_error": other / one - 1}
            rows.append(row | {"ks": ks_distance(**pair)})
        return rows


def validate(path: str | Path, *, trace: Trace | None = None, **settings: Any) -> Validation:
    """Simulate the requests of a recorded run, a CSV with the COLUMNS in seconds and tokens, and compare.

    The settings are those of `simulate`: they must be those of the recorded server. Requests share the prefixes of the
    `trace` that the column `request` numbers them in; none without one. A request that was refused in the simulation is
    left out of both sides. Raises RunError for a file that is none, and what `simulate` raises.
    """
    return compare(read_run(path), Path(path).name, trace=trace, **settings)


def compare(run: pl.DataFrame, name: str, since: int = 0, *, trace: Trace | None = None, **settings: Any) -> Validation:
    """`validate` for what `read_run` read. All is simulated, and compared from request `since` on."""
    trace = _trace_of(run, name, trace)
    simulation = simulate(trace, **settings)
    served = np.isfinite(simulation.recorder.end)
    served[:since] = False
    assert trace.arrival is not None
    output = trace.output_tokens
    assert output is not None
    recorded = request_times(trace.arrival, run["first_token"].to_numpy(), run["end"].to_numpy(), output)
    recorder = simulation.recorder
    simulated = request_times(recorder.arrival, recorder.first, recorder.end, output)
    known = {name: served & np.isfinite(recorded[name]) for name in LATENCIES}
    return Validation(
        simulation,
        {name: recorded[name][known[name]] for name in LATENCIES},
        {name: simulated[name][known[name]] for name in LATENCIES},
        _token_hit_ratios(run, simulation, known["e2e"]),
    )


def _trace_of(run: pl.DataFrame, name: str, source: Trace | None) -> Trace:
    """The requests of a run, with the pages that they have in `source`."""
    columns: dict[str, Any] = {
        "arrival": run["arrival"].to_numpy().copy(),
        "prompt_tokens": run["prompt_tokens"].cast(pl.Int32).to_numpy().copy(),
        "output_tokens": run["output_tokens"].cast(pl.Int32).to_numpy().copy(),
    }
    if source is None:
        return Trace(name, np.empty(0, np.uint32), 0, np.zeros(len(run) + 1, np.int64), **columns)
    if "request" not in run.columns:
        raise RunError(f"{name}: has no column 'request', which finds requests in {source.name}; give no trace")
    numbers = run["request"].to_numpy()
    if numbers.max() >= source.n_requests:
        raise RunError(
            f"{name}: has request {numbers.max()} of {source.n_requests} in {source.name}; give its own trace"
        )
    return subset(source, numbers, **columns).described(name)


def _token_hit_ratios(run: pl.DataFrame, simulation: Simulation, served: np.ndarray) -> tuple[float | None, float]:
    tokens = run["prompt_tokens"].to_numpy()[served].sum()
    simulated = float(simulation.requests["hit_tokens"].fill_null(0).to_numpy()[served].sum() / max(tokens, 1))
    if "cached_tokens" not in run.columns or run["cached_tokens"].is_null().all():
        return None, simulated
    return float(run["cached_tokens"].fill_null(0).to_numpy()[served].sum() / max(tokens, 1)), simulated


def read_run(path: str | Path) -> pl.DataFrame:
    """The COLUMNS of a recorded run, and those OPTIONAL ones that it has, by arrival.

    Raises RunError naming the first row that cannot be.
    """
    content = Path(path).read_bytes()
    try:
        table = pl.read_csv(content)
    except pl.exceptions.PolarsError as error:
        raise RunError(f"{path}: is no CSV table: {str(error).splitlines()[0]}; write {','.join(COLUMNS)}") from None
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise RunError(f"{path}: has no column {missing[0]!r}; write {','.join(COLUMNS)}")
    names = (*COLUMNS, *(name for name in OPTIONAL if name in table.columns))
    types = {name: pl.Int64 if name.endswith("tokens") or name == "request" else pl.Float64 for name in names}
    table = table.select(pl.col(name).cast(of, strict=False) for name, of in types.items())
    if not len(table):
        raise RunError(f"{path}: has no requests; write a row for each")
    wrong = table.with_row_index("line", offset=2).filter(
        pl.any_horizontal(pl.col(name).is_null() | ~pl.col(name).cast(pl.Float64).is_finite() for name in COLUMNS)
        | (pl.col("prompt_tokens") < 1)
        | (pl.col("output_tokens") < 1)
        | (pl.max_horizontal("prompt_tokens", "output_tokens") >= 2**31)
        | (pl.col("first_token") <= pl.col("arrival"))
        | (pl.col("end") < pl.col("first_token"))
        | (pl.col("request").is_null() | (pl.col("request") < 0) if "request" in names else False)
    )
    if len(wrong):
        raise RunError(
            f"{path}:{wrong['line'][0]}: is no request; give numbers, tokens from 1, and arrival < first_token <= end"
        )
    return table.sort("arrival", maintain_order=True)


def ks_distance(recorded: np.ndarray, simulated: np.ndarray) -> float:
    """The largest difference between the two empirical distribution functions (Kolmogorov-Smirnov), 0 to 1."""
    at = np.concatenate([recorded, simulated])
    shares = [np.searchsorted(np.sort(values), at, "right") / len(values) for values in (recorded, simulated)]
    return float(np.abs(shares[0] - shares[1]).max())


def _figure(values: np.ndarray, figure: str) -> float:
    return float(values.mean() if figure == "mean" else np.quantile(values, int(figure[1:]) / 100))
