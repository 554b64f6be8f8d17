"""The types of parameters that several workloads share, with their ranges."""

from __future__ import annotations

from typing import Annotated

from annotated_types import Interval

Requests = Annotated[int, Interval(ge=1, le=10**9)]
Count = Annotated[int, Interval(ge=1, le=10**8)]
Tokens = Annotated[int, Interval(ge=0, le=10**7)]
PageTokens = Annotated[int, Interval(ge=1, le=10**6)]
Seconds = Annotated[float, Interval(ge=0, le=1e9)]
Share = Annotated[float, Interval(ge=0, le=1)]
Skew = Annotated[float, Interval(ge=0, le=20)]  # Zipf exponent: rank k is asked for in proportion to k**-skew
Drift = Annotated[float, Interval(ge=0, le=1000)]  # times the whole ranking turns over; see popularity.py
Seed = Annotated[int, Interval(ge=0, lt=2**63)]
