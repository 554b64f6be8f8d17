"""Holds claims against replays and measurements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from kvreplay.simulator.experiment.attempt import Failure
from kvreplay.simulator.experiment.errors import ExperimentError
from kvreplay.simulator.experiment.plan import make_plan
from kvreplay.simulator.experiment.runner import run_cells
from kvreplay.simulator.report.intervals import over_seeds

from .claim import Claim, Claims
from .judged import Judged
from .measures import MEASURES


class Figure(NamedTuple):
    """What was obtained: the mean of several seeds or rounds, and half the width of its 95 % interval."""

    value: float
    half_width: float
    kind: str  # counted, measured or modelled
    precision: float | None = None  # where a semantic cache answered: the share of the hits that were right

    @classmethod
    def of(cls, samples: list[float], kind: str, precisions: Sequence[float] = ()) -> Figure:
        """The figure of `samples`, at least one."""
        precision = float(np.mean(precisions)) if precisions else None
        return cls(float(np.mean(samples)), over_seeds(samples) or 0.0, kind, precision)


class Outcome(NamedTuple):
    """A claim, and what stands against it."""

    claim: Claim
    figure: Figure
    varied: list[tuple[str, Figure]]  # the same figure at other values of a workload's parameter

    @property
    def verdict(self) -> str:
        """as claimed, above or below"""
        return self.claim.claimed.verdict(self.figure.value, self.figure.half_width)


def examine(claims: Claims, where: str | Path) -> Iterator[Outcome]:
    """The outcome of each claim, as it is found. Raises ExperimentError, which begins with `where`, their file, for a
    claim that cannot be replayed."""
    for number, claim in enumerate(claims.claims):
        at = f"{where}: claim {number + 1} ({claim.says})"
        if claim.measure is not None:
            yield Outcome(claim, _measured(claim.measure, claim.given), [])
            continue
        base = _replayed(claims, claim, {}, at)
        varied = [
            (f"{knob} {value}", _replayed(claims, claim, {knob: value}, at))
            for knob, values in claim.vary.items()
            for value in values
        ]
        yield Outcome(claim, base, varied)


def _measured(measure: str, given: dict[str, Any]) -> Figure:
    kind, function = MEASURES[measure]
    samples = [sample if isinstance(sample, Judged) else Judged(sample, None) for sample in function(**given)]
    precisions = [sample.precision for sample in samples if sample.precision is not None]
    return Figure.of([sample.value for sample in samples], kind, precisions)


def _replayed(claims: Claims, claim: Claim, changed: dict[str, Any], where: str) -> Figure:
    """The claim's metric over the file's seeds, with some of the workload's parameters `changed`."""
    assert claim.trace is not None
    assert claim.metric is not None
    experiment = {
        "name": "claims",
        "trace": [{**claim.trace, **changed, "seed": claims.seeds}],
        "stack": [claim.stack],
        **claims.model_dump(include={"policy", "capacity", "reading"}),
    }
    try:
        plan = make_plan(experiment)
    except ExperimentError as error:
        raise ExperimentError(f"{where}: {problem}" for problem in error.problems) from None
    rows: dict[int, dict[str, Any]] = {}
    for cell, result in run_cells(plan.cells):
        if isinstance(result, Failure):
            raise ExperimentError(f"{where}: {cell.label}: {result.error}")
        if not isinstance(result.row.get(claim.metric), int | float):
            raise ExperimentError(f"{where}: its rows have no figure {claim.metric!r}; name a column with numbers")
        rows[cell.trace.meta["seed"]] = result.row
    ordered = [rows[seed] for seed in claims.seeds]
    judged = [row["answered_precision"] for row in ordered if row["semantic_precision"] is not None]
    return Figure.of([float(row[claim.metric]) for row in ordered], "counted", judged)
