"""Learning whom of two experts to follow, LRU or LFU: weights that fall with each mistake (LeCaR, HotStorage 2018), and
a learning rate that climbs towards more hits (CACHEUS, FAST 2021)."""

from __future__ import annotations

from math import exp
from typing import NamedTuple

import numpy as np

from .xorshift import random_fraction

LRU, LFU = 0, 1
_LEAST_WEIGHT = 0.01  # in the authors' code
_LEAST_RATE, _MOST_RATE = 0.001, 1.0
_PATIENCE = 10  # periods without gain until the learning rate is drawn anew
# Entries of the arrays below.
_RATE, _RATE_BEFORE, _RATIO = 0, 1, 2
_ACCESSES, _HITS, _IDLE, _PERIOD = 0, 1, 2, 3


def new_weights() -> np.ndarray:
    """(2,) float64: of LRU and LFU, together 1."""
    return np.array([0.5, 0.5])


def draw(weights, generator):
    """LRU or LFU, at random by weight."""
    return LRU if random_fraction(generator) < weights[LRU] else LFU


def blame(weights, expert, loss):
    """Multiply the weight of `expert` by e ** -loss; both stay between 0.01 and 0.99."""
    weights[expert] *= exp(-loss)
    share = weights[LRU] / (weights[LRU] + weights[LFU])
    weights[LRU] = min(max(share, _LEAST_WEIGHT), 1.0 - _LEAST_WEIGHT)
    weights[LFU] = 1.0 - weights[LRU]


class LearningRate(NamedTuple):
    rate: np.ndarray  # (3,) float64: learning rate, the one before it, page hit ratio of the last period
    period: np.ndarray  # (4,) int64: accesses and hits in this period, periods without gain, accesses of a period


def new_learning_rate(period: int, generator: np.ndarray) -> LearningRate:
    rate = np.array([_any_rate(generator), 0.0, 0.0])
    return LearningRate(rate, np.array([0, 0, 0, period], np.int64))


def rate_of(learning):
    return learning.rate[_RATE]


def learn(learning, hit, generator):
    """Count an access; at the end of a period, move the rate on if it raised the page hit ratio, else back."""
    rate, period = learning.rate, learning.period
    period[_ACCESSES] += 1
    period[_HITS] += hit
    if period[_ACCESSES] < period[_PERIOD]:
        return
    ratio = period[_HITS] / period[_ACCESSES]
    gain, change = ratio - rate[_RATIO], rate[_RATE] - rate[_RATE_BEFORE]
    rate[_RATIO] = ratio
    rate[_RATE_BEFORE] = rate[_RATE]
    if change != 0.0:
        step = abs(rate[_RATE] * change)
        rate[_RATE] += step if gain * change > 0.0 else -step
        rate[_RATE] = min(max(rate[_RATE], _LEAST_RATE), _MOST_RATE)
        period[_IDLE] = 0
    elif ratio == 0.0 or gain <= 0.0:
        period[_IDLE] += 1
        if period[_IDLE] == _PATIENCE:
            period[_IDLE] = 0
            rate[_RATE] = _any_rate(generator)
    period[_ACCESSES] = 0
    period[_HITS] = 0


def _any_rate(generator):
    return _LEAST_RATE + (_MOST_RATE - _LEAST_RATE) * random_fraction(generator)
