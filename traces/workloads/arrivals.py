"""When requests (or sessions) come: the arrival processes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import numpy as np
from annotated_types import Interval

from .from_trace import column

_TAKES = {
    "poisson": {"rate"},
    "gamma": {"rate", "burstiness"},
    "uniform": {"rate"},
    "closed": {"clients", "think", "service"},
    "trace": {"rate", "trace"},
}


class Arrivals(NamedTuple):
    seconds: np.ndarray  # (n,) float64: never decreasing, the first at 0, in whole microseconds
    client: np.ndarray | None  # (n,) int32: who asks, in a closed loop


@dataclass(frozen=True)
class Arrival:
    """An arrival process. A setting that its process does not take is refused, not ignored.

    - poisson: `rate` a second (default 1), gaps exponential.
    - gamma: gaps gamma-distributed, `burstiness` their coefficient of variation (default 2; 1 is Poisson).
    - uniform: evenly spaced.
    - closed: `clients` (default 8), each asking again once it has been answered, which is taken to last
      `service` seconds (default 2), and has thought for an exponential time of mean `think` (default 10).
    - trace: the recorded arrivals of `trace` (path or catalogue name), from the start again where more are
      needed; rescaled to `rate` where one is given.
    """

    process: Literal["poisson", "gamma", "uniform", "closed", "trace"] = "poisson"
    rate: Annotated[float, Interval(ge=1e-9, le=1e9)] | None = None
    burstiness: Annotated[float, Interval(gt=0, le=100)] | None = None
    clients: Annotated[int, Interval(ge=1, le=10**6)] | None = None
    think: Annotated[float, Interval(ge=0, le=1e9)] | None = None
    service: Annotated[float, Interval(ge=0, le=1e9)] | None = None
    trace: str | None = None

    def __post_init__(self) -> None:
        for name in ("rate", "burstiness", "clients", "think", "service", "trace"):
            if getattr(self, name) is not None and name not in _TAKES[self.process]:
                takes = ", ".join(sorted(_TAKES[self.process]))
                raise ValueError(f"{self.process} arrivals take no {name}, only {takes}")
        if self.process == "trace" and self.trace is None:
            raise ValueError("arrivals from a trace need its path or name as `trace`")

    def sample(self, rng: np.random.Generator, count: int) -> Arrivals:
        """The first `count` arrivals. Raises TraceError where the recorded trace cannot give any."""
        client = None
        if self.process == "closed":
            seconds, client = self._closed_loop(rng, count)
        else:
            seconds = np.concatenate([[0.0], np.cumsum(self._gaps(rng, count - 1))])
        # Whole microseconds, so that the last bits of a logarithm do not tell one processor from another.
        return Arrivals(np.round(seconds, 6), client)

    def _gaps(self, rng: np.random.Generator, count: int) -> np.ndarray:
        if self.process == "trace":
            return self._recorded_gaps(count)
        mean = 1 / (1.0 if self.rate is None else self.rate)
        if self.process == "poisson":
            return rng.exponential(mean, count)
        if self.process == "uniform":
            return np.full(count, mean)
        variance = (2.0 if self.burstiness is None else self.burstiness) ** 2  # of gaps of mean 1
        return rng.gamma(1 / variance, variance * mean, count)

    def _recorded_gaps(self, count: int) -> np.ndarray:
        assert self.trace is not None
        gaps = np.diff(column(self.trace, "arrival"))
        mean = float(gaps.mean()) if len(gaps) else 0.0
        # Between the last arrival and the first of the next round lies an average gap.
        repeated = np.resize(np.append(gaps, mean), count)
        return repeated if self.rate is None or mean == 0 else repeated / (mean * self.rate)

    def _closed_loop(self, rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        clients = 8 if self.clients is None else self.clients
        think = 10.0 if self.think is None else self.think
        service = 2.0 if self.service is None else self.service
        rounds = -(-count // clients)
        times = rng.exponential(think, (clients, 1))  # (clients, rounds asked so far)
        while True:
            cycles = service + rng.exponential(think, (clients, rounds))
            times = np.hstack([times, times[:, -1:] + np.cumsum(cycles, axis=1)])
            order = np.argsort(times, axis=None, kind="stable")[:count]
            seconds = times.ravel()[order]
            # The earliest `count` are known once nobody could still ask before the last of them.
            if times[:, -1].min() >= seconds[-1]:
                return seconds - seconds[0], (order // times.shape[1]).astype(np.int32)
