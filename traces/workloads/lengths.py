"""How long things are: distributions of positive whole numbers (tokens, turns)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Interval

from ..errors import TraceError
from .from_trace import column


@dataclass(frozen=True)
class Length:
    """A length distribution, rounded to whole numbers and kept within 1 .. `max`.

    - fixed: always `mean`.
    - lognormal: of mean `mean` and coefficient of variation `cv`, before rounding and `max`.
    - trace: drawn with replacement from a `column` of the trace `trace` (path or catalogue name).
    """

    distribution: Literal["fixed", "lognormal", "trace"] = "lognormal"
    mean: Annotated[float, Interval(ge=1, le=10**6)] = 200.0
    cv: Annotated[float, Interval(ge=0, le=100)] = 1.0
    max: Annotated[int, Interval(ge=1, le=10**6)] = 100_000
    trace: str | None = None
    column: Literal["prompt_tokens", "output_tokens"] = "output_tokens"

    def __post_init__(self) -> None:
        if (self.distribution == "trace") != (self.trace is not None):
            raise ValueError("`distribution: trace` and a `trace` to draw from go together")

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """`count` lengths, (count,) int32. Raises TraceError where the recorded trace has no lengths."""
        if self.distribution == "fixed":
            values = np.full(count, self.mean)
        elif self.distribution == "lognormal":
            variance = math.log1p(self.cv**2)
            values = rng.lognormal(math.log(self.mean) - variance / 2, math.sqrt(variance), count)
        else:
            assert self.trace is not None
            recorded = column(self.trace, self.column)
            if len(recorded) == 0:
                raise TraceError(f"trace {self.trace!r} has no requests")
            values = rng.choice(recorded, count)
        return np.clip(np.rint(values), 1, self.max).astype(np.int32)
