"""What is to be known of ratios that were told from samples of a trace's pages."""

from __future__ import annotations

from collections.abc import Sequence

from . import numbers
from .workloads import Workload


def answer(workloads: Sequence[Workload]) -> list[tuple[str, str]]:
    """How sure the estimates are, as (of what, text): one for each workload that was sampled."""
    return [(f"{workload.title}: how sure", _of_workload(workload)) for workload in workloads if workload.is_sampled]


def _of_workload(workload: Workload) -> str:
    parts = len({row["trace_hash"] for row in workload.rows})
    rate = workload.rows[0]["sample"]
    drawn = f"{parts} sample{'s' if parts > 1 else ''} of {numbers.share(rate)} of the pages"
    if parts * rate > 0.999:
        text = f"{drawn} make up the whole trace, so that the draw adds no error."
    else:
        text = f"page hit ratios are told of the whole trace from {drawn} (SHARDS, FAST 2015); a 95 % interval is for "
        text += "the luck of the draw (Cochran 1977, section 2.6)."
    fewest = min(capacity for capacity, _ in workload.capacities)
    text += f" What a policy does differently in a small cache is not in it; the smallest here holds {fewest:,} pages,"
    return text + " and larger samples tell whether that matters."
