"""Probabilistic: a page enters with probability `p`, so that it is let in soon if it keeps coming, and else rarely.

It takes 1 / p misses on average to enter; the filter remembers nothing.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Interval

from ..structures.xorshift import new_generator, random_fraction


class State(NamedTuple):
    generator: np.ndarray  # (1,) uint64
    p: np.ndarray  # (1,) float64


def init(capacity, n_pages, seed, *, p: Annotated[float, Interval(gt=0, le=1)] = 0.5):
    return State(new_generator(seed), np.array([p]))


def admit(state, page, now):
    return random_fraction(state.generator) < state.p[0]
