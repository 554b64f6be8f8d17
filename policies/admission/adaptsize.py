"""AdaptSize: a page of size s enters with probability exp(-s / c), of the c that would have hit most in the window
before by a Markov model of the cache (Berger, Sitaraman and Harchol-Balter, "AdaptSize: Orchestrating the Hot Object
Memory Cache in a Content Delivery Network", NSDI 2017).

In the model a page is cached with probability a (e^(r T) - 1) / (1 + a (e^(r T) - 1)), where a = exp(-s / c), r is how
often it was requested, and T, how long a page stays that nobody asks for, is such that the sizes of the cached pages
add up to the capacity; the page hit ratio is the mean of that over the requests. As in the authors' code, a request
counts 0.3 times as much with each window that passes, pages of less than 0.1 requests are left out, and T is found in
20 steps.

Deviations. The model is a steady state, in which the smallest c are best and take many windows to reach it; so a page's
hits count only as far as one window is likely to let it in, 1 - (1 - a)^r. So that scaling all sizes and the capacity
changes nothing, sizes count in units of their greatest common divisor and c starts at the capacity, not at 32 KiB. So
that a window costs little, pages whose rates and sizes are in the same quarter of an octave are one kind in the model,
of their mean rate and size. And c is searched from 1 unit to the capacity in steps of an octave, and around the best of
these in steps of an eighth, not by golden section.
"""

from __future__ import annotations

from math import exp, expm1, log2
from typing import Annotated, NamedTuple

import numpy as np
from annotated_types import Ge

from ..structures.xorshift import new_generator, random_fraction

SIZED_ONLY = True

_FORMER = 0.3  # weight of a request a window ago
_LEAST = 0.1  # requests of a page that the model looks at
_STEPS = 20
_CERTAIN = 150.0  # r T from which e ** (r T) is too large to reckon with
_FINE = 8  # steps an octave
_RATES, _SIZES = 128, 256  # classes: quarters of an octave, of rates from 2 ** -4 and sizes from 2 ** 0
_MANTISSA = np.uint64(50)  # bits of a float64 below the two that tell the quarters of an octave
_RATE_BIAS, _SIZE_BIAS = (1023 - 4) * 4, 1023 * 4
# Entries of State.clock and State.limits.
_LEFT, _WINDOW, _KINDS = 0, 1, 2
_C, _CAPACITY, _UNIT = 0, 1, 2


class State(NamedTuple):
    size: np.ndarray  # (n_pages,) float64: in units
    requests: np.ndarray  # (n_pages,) float64: in this window, and in those before with their weight
    clock: np.ndarray  # (3,) int64: accesses left in this window, accesses of a window, kinds that the model has
    limits: np.ndarray  # (3,) float64: c and the capacity in units; bytes of a unit
    sums: np.ndarray  # (_RATES, _SIZES, 3) float64: pages, requests and size of each pair of classes
    kinds: np.ndarray  # (_RATES * _SIZES, 4) float64: pages, rate, size and a of each kind of page
    generator: np.ndarray  # (1,) uint64


def init(capacity, n_pages, seed, page_bytes, byte_capacity, *, window: Annotated[int, Ge(1)] = 250_000):
    """`window`: accesses after which c is tuned."""
    unit = max(int(np.gcd.reduce(page_bytes)), 1)
    return State(
        size=np.maximum(page_bytes / unit, 1.0),
        requests=np.zeros(n_pages),
        clock=np.array([window, window, 0], np.int64),
        limits=np.array([byte_capacity / unit, byte_capacity / unit, unit]),
        sums=np.zeros((_RATES, _SIZES, 3)),
        kinds=np.zeros((_RATES * _SIZES, 4)),
        generator=new_generator(seed),
    )


def on_access(state, page, now):
    state.requests[page] += 1.0
    state.clock[_LEFT] -= 1
    if state.clock[_LEFT] == 0:
        state.clock[_LEFT] = state.clock[_WINDOW]
        _sort_into_kinds(state)
        state.limits[_C] = 2.0 ** _best_octave(state)
        for other in range(len(state.requests)):
            state.requests[other] *= _FORMER


def admit(state, page, now):
    return random_fraction(state.generator) < exp(-state.size[page] / state.limits[_C])


def stats(state):
    """`c` in bytes, as it was tuned last."""
    return {"c": float(state.limits[_C] * state.limits[_UNIT])}


def _sort_into_kinds(state):
    state.sums[:] = 0.0
    for page in range(len(state.requests)):
        requests, size = state.requests[page], state.size[page]
        if requests >= _LEAST:
            sums = state.sums[_quarter(requests) - _RATE_BIAS, _quarter(size) - _SIZE_BIAS]
            sums[0] += 1.0
            sums[1] += requests
            sums[2] += size
    kinds = 0
    for rate in range(_RATES):
        for size in range(_SIZES):
            pages = state.sums[rate, size, 0]
            if pages > 0.0:
                state.kinds[kinds, 0] = pages
                state.kinds[kinds, 1] = state.sums[rate, size, 1] / pages
                state.kinds[kinds, 2] = state.sums[rate, size, 2] / pages
                kinds += 1
    state.clock[_KINDS] = kinds


def _quarter(number):
    """Which quarter of an octave a positive float is in, from its bits: the exponent and two bits of the mantissa."""
    return np.int64(np.float64(number).view(np.uint64) >> _MANTISSA)


def _best_octave(state):
    """log2 of the c of most hits; of several the smallest."""
    octaves = max(int(log2(state.limits[_CAPACITY])), 0) + 1
    best, most, middle = 0.0, -1.0, 0.0
    for number in range(octaves + 2 * _FINE - 1):  # one loop: the model is compiled into each place that calls it
        if number == octaves:
            middle = best
        candidate = float(number) if number < octaves else max(middle + (number - octaves + 1) / _FINE - 1.0, 0.0)
        hits = _hits(state, 2.0**candidate)
        if hits > most:
            best, most = candidate, hits
    return best


def _hits(state, c):
    """Page hits in a window, as the model has them for `c`."""
    capacity = state.limits[_CAPACITY]
    kinds = state.kinds[: state.clock[_KINDS]]
    inflow = 0.0  # units that enter a window while nothing hits
    for i in range(len(kinds)):
        kinds[i, 3] = exp(-kinds[i, 2] / c)
        inflow += kinds[i, 0] * kinds[i, 1] * kinds[i, 2] * kinds[i, 3]
    if inflow == 0.0:
        return 0.0
    stay = capacity / inflow
    for _ in range(_STEPS):
        cached = 0.0
        for i in range(len(kinds)):
            cached += kinds[i, 0] * kinds[i, 2] * _presence(kinds[i, 1] * stay, kinds[i, 3])
        stay *= capacity / cached
    hits = 0.0
    for i in range(len(kinds)):
        let_in = 1.0 - (1.0 - kinds[i, 3]) ** kinds[i, 1]
        hits += kinds[i, 0] * kinds[i, 1] * _presence(kinds[i, 1] * stay, kinds[i, 3]) * let_in
    return hits


def _presence(uses, admission):
    """How likely a page is cached that is used so often, on average, within the time that an unused page stays."""
    if uses > _CERTAIN:
        return 1.0
    entering = admission * expm1(uses)
    return entering / (1.0 + entering)
